/**
 * What is known of one session, for all of its readers at this gateway: looked at again when its history has grown, never
 * by asking again and again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { SessionRef, SessionResult, SessionView } from '../../workflows/contract.ts';
import { sessionWorkflowId, spanWorkflowId } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { QueueNotices, QueuePlace } from '../live/queue-notices.ts';
import type { Log, SessionsPort } from '../ports.ts';
import { readSegments, readTranscript } from '../transcripts.ts';
import { EndedFinals, FileFinals, LiveFinals } from './final-source.ts';
import type { FinalSource, Stores } from './final-source.ts';

/** However fast a history grows, its session is looked at at most so often. */
const LOOK_EVERY_MS = 100;
const RETRY_MS = 500;

export interface Snapshot {
  readonly view: SessionView;
  readonly finals: FinalSource;
  /** Finals there were when the view was taken. */
  readonly count: number;
  readonly queue: QueuePlace | null;
  /** Set once the session is over. */
  readonly result: SessionResult | null;
}

export interface WatchPorts extends Stores {
  readonly sessions: Pick<SessionsPort, 'segments' | 'view' | 'changes' | 'result'>;
  readonly notices: Pick<QueueNotices, 'follow'>;
  readonly log: Log;
}

export class SessionWatch {
  readonly #ports: WatchPorts;
  readonly #ref: SessionRef;
  readonly #ending = new AbortController();
  readonly #waiting = new Set<() => void>();
  #latest: Snapshot;
  #unfollow: (() => void) | null = null;
  #failure: Error | null = null;

  /** @param view as it is now. */
  constructor(ports: WatchPorts, ref: SessionRef, view: SessionView) {
    this.#ports = ports;
    this.#ref = ref;
    const finals = view.kind === 'file' ? new FileFinals(ports, ref) : new LiveFinals(ports, ref);
    this.#latest = { view, finals, count: 0, queue: null, result: null };
    void this.#run().catch((error: unknown) => this.#fail(error));
  }

  get latest(): Snapshot {
    return this.#latest;
  }

  /**
   * Resolves once there is another snapshot than the one given, or when the signal is aborted.
   * @throws what went wrong for good, such as a session that was deleted
   */
  async changed(known: Snapshot, signal: AbortSignal): Promise<void> {
    if (this.#latest === known && this.#failure === null && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
    }
    if (this.#failure !== null) throw this.#failure;
  }

  close(): void {
    this.#ending.abort();
    this.#unfollow?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    await this.#look();
    const news = this.#ports.sessions.changes(this.#ref, signal)[Symbol.asyncIterator]();
    while ((await news.next()).done !== true) {
      await this.#look();
      if (!signal.aborted) await pause(LOOK_EVERY_MS);
    }
    if (!signal.aborted) await this.#end();
  }

  async #look(): Promise<void> {
    for (let more = true; more && !this.#ending.signal.aborted;) {
      more = await this.#patiently(async () => {
        const view = await this.#ports.sessions.view(this.#ref);
        const { finals } = this.#latest;
        const hasMore = await finals.advance(view);
        this.#tell({ view, count: finals.count });
        this.#followQueue(view);
        return hasMore;
      });
    }
  }

  /** The workflow has closed: nothing changes any more, unless the session is started again. */
  async #end(): Promise<void> {
    const result = await this.#ports.sessions.result(this.#ref, this.#ending.signal);
    await this.#look();
    this.#unfollow?.();
    const finals = await this.#patiently(() => this.#finalsAtEnd(result));
    this.#tell({ finals, count: finals.count, queue: null, result });
  }

  async #finalsAtEnd({ state }: { readonly state: string }): Promise<FinalSource> {
    const { objects, sessions } = this.#ports;
    // What was stopped may go on: what lies behind an unfinished span has no index of its own yet.
    const isOver = state !== 'stopped' && (await readTranscript(objects, this.#ref, 'json')) !== null;
    return isOver ? new EndedFinals(await readSegments(sessions, objects, this.#ref, 0)) : this.#latest.finals;
  }

  /** A session that waits has a place in the queue; a file of several spans, while its first one waits. */
  #followQueue({ kind, state, model, spans, lease }: SessionView): void {
    const isFirst = kind === 'file' && state === 'streaming' && spans?.done === 0 && lease === null;
    const waits = state === 'queued' || isFirst;
    if (waits === (this.#unfollow !== null)) return;
    this.#unfollow?.();
    this.#unfollow = null;
    if (!waits) return;
    const workflowId = isFirst ? spanWorkflowId(this.#ref, 0) : sessionWorkflowId(this.#ref);
    this.#unfollow = this.#ports.notices.follow(model, workflowId, (queue) => {
      if (queue.position !== null || kind !== 'file') this.#tell({ queue });
    });
  }

  #tell(news: Partial<Snapshot>): void {
    this.#latest = { ...this.#latest, ...news };
    for (const wake of [...this.#waiting]) wake();
  }

  #fail(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    this.#failure = error instanceof Error ? error : new Error('a session could not be watched', { cause: error });
    this.#unfollow?.();
    for (const wake of [...this.#waiting]) wake();
  }

  /** What is away for a while is asked again; what is not there, or damaged, is not. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        const isAway = error instanceof Failure ? error.row.retryable : isStorageAway(error);
        if (!isAway || this.#ending.signal.aborted) throw error;
        await pause(RETRY_MS);
      }
    }
  }
}

const isStorageAway = (error: unknown): boolean =>
  error instanceof Error && 'reason' in error && error.reason === 'storage_unavailable';
