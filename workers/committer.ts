/**
 * Commits a lease's finals in order: one update at a time, and finals that come meanwhile go together in the next. A commit
 * whose answer is lost is repeated under the same id, so that it counts once.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Commit, CommitAnswer, LastCommit, Segment, Span } from '../workflows/contract.ts';

/** The workflow's answer to a commit (workers/temporal.ts). `fenced`: this lease is void. Throws when Temporal is away. */
export interface CommitPort {
  commit(workflowId: string, updateId: string, commit: Commit): Promise<CommitAnswer | 'fenced'>;
}

export interface CommitterEvents {
  /** Segments are in the workflow's history: the client may see them. */
  committed(segments: readonly Segment[]): void;
  /** The workflow wants to continue as new; nothing is committed until {@link Committer.resume}. */
  rotate(): void;
  fenced(): void;
}

const MAX_BATCH = 100;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2000;

export class Committer {
  readonly #port: CommitPort;
  readonly #workflowId: string;
  readonly #epoch: number;
  readonly #events: CommitterEvents;
  #waiting: Segment[] = [];
  #holes: Span[] = [];
  #throughByte: number;
  #committedByte: number;
  #running: Promise<void> | null = null;
  #lingering: NodeJS.Timeout | null = null;
  #lingerMs: number;
  #held = false;
  #closed = false;

  /** @param lingerMs what is given waits so long for more, and goes together with it. */
  constructor(
    port: CommitPort,
    workflowId: string,
    epoch: number,
    fromByte: number,
    events: CommitterEvents,
    lingerMs = 0,
  ) {
    this.#lingerMs = lingerMs;
    this.#port = port;
    this.#workflowId = workflowId;
    this.#epoch = epoch;
    this.#throughByte = fromByte;
    this.#committedByte = fromByte;
    this.#events = events;
  }

  /** Bytes of the audio log that committed segments account for. */
  get committedByte(): number {
    return this.#committedByte;
  }

  get isIdle(): boolean {
    return this.#running === null && !this.#hasWork();
  }

  add(segment: Segment): void {
    this.#waiting.push(segment);
    this.#throughByte = segment.endByte;
    this.#kick();
  }

  /** There is speech of which no text could be made. */
  addHole(hole: Span): void {
    this.#holes.push(hole);
    this.advance(hole.toByte);
  }

  /** There is no speech before `throughByte` that is not in a segment, or a hole, given already. */
  advance(throughByte: number): void {
    if (throughByte <= this.#throughByte) return;
    this.#throughByte = throughByte;
    this.#kick();
  }

  /** The next run of the workflow has taken the lease up. */
  resume(): void {
    this.#held = false;
    this.#kick();
  }

  /** Nothing waits for more any longer. */
  hurry(): void {
    this.#lingerMs = 0;
    if (this.#lingering !== null) clearTimeout(this.#lingering);
    this.#lingering = null;
    this.#kick();
  }

  /** Closes it; answers what is not committed, once that is no more than a commit may hold. Undefined: nothing. */
  async rest(): Promise<LastCommit | undefined> {
    while (this.#running !== null) await this.#running;
    if (this.#waiting.length > MAX_BATCH) {
      await this.drained();
    }
    const isLeft = !this.#closed && this.#hasWork();
    this.close();
    return isLeft ? this.#next(this.#waiting) : undefined;
  }

  /** Resolves when everything given is committed, or the committer is closed. */
  async drained(): Promise<void> {
    this.hurry();
    while (!this.#closed && !this.isIdle) {
      if (this.#running === null) await pause(FIRST_RETRY_MS);
      else await this.#running;
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#lingering !== null) clearTimeout(this.#lingering);
  }

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#throughByte > this.#committedByte;
  }

  #kick(): void {
    if (this.#running !== null || this.#held || this.#closed || !this.#hasWork()) return;
    if (this.#lingerMs > 0) this.#lingering ??= setTimeout(() => this.#begin(), this.#lingerMs);
    else this.#begin();
  }

  #begin(): void {
    this.#lingering = null;
    if (this.#running !== null || this.#held || this.#closed) return;
    this.#running = this.#commitNext().finally(() => {
      this.#running = null;
      this.#kick();
    });
  }

  async #commitNext(): Promise<void> {
    const commit: Commit = { epoch: this.#epoch, ...this.#next(this.#waiting.slice(0, MAX_BATCH)) };
    const { segments, throughByte, holes = [] } = commit;
    const answer = await this.#persist(commit);
    if (this.#closed || answer === null) return;
    if (answer === 'fenced') {
      this.close();
      this.#events.fenced();
      return;
    }
    this.#waiting = this.#waiting.slice(segments.length);
    this.#holes = this.#holes.filter((hole) => !holes.includes(hole));
    this.#committedByte = throughByte;
    if (segments.length > 0) this.#events.committed(segments);
    if (answer.rotate) {
      this.#held = true;
      this.#events.rotate();
    }
  }

  #next(segments: readonly Segment[]): LastCommit {
    const isAll = segments.length === this.#waiting.length;
    const throughByte = isAll ? this.#throughByte : (segments.at(-1)?.endByte ?? this.#throughByte);
    const holes = this.#holes.filter(({ toByte }) => toByte <= throughByte);
    return { segments, throughByte, ...(holes.length > 0 ? { holes } : {}) };
  }

  /** Temporal may be away for long: the same commit is tried until it is answered. */
  async #persist(commit: Commit): Promise<CommitAnswer | 'fenced' | null> {
    const updateId = `${commit.epoch}-${commit.segments[0]?.index ?? 'silence'}-${commit.throughByte}`;
    for (let waitMs = FIRST_RETRY_MS; !this.#closed; waitMs = Math.min(waitMs * 2, LAST_RETRY_MS)) {
      try {
        return await this.#port.commit(this.#workflowId, updateId, commit);
      } catch {
        await pause(waitMs * (0.5 + Math.random() / 2));
      }
    }
    return null;
  }
}
