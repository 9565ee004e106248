/** Streams of events: each reader goes on from where it stands; all readers of a session share one watch of it. */
import type { ServerResponse } from 'node:http';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import type { SessionRef, SessionView } from '../../workflows/contract.ts';
import { asFailure, Failure } from '../failures.ts';
import { QueueNotices } from '../live/queue-notices.ts';
import type { Gateway } from '../ports.ts';
import { finalMessage } from '../protocol.ts';
import { sessionOf } from '../rest/shown-session.ts';
import { digestOf, DONE, eventId } from './event-id.ts';
import type { EventPlace } from './event-id.ts';
import { EventWriter, ReaderGone } from './event-writer.ts';
import { SessionWatch } from './session-watch.ts';
import type { Snapshot } from './session-watch.ts';

const RETRY_MS = 1000;

interface Watched {
  readonly watch: SessionWatch;
  readers: number;
}

export class EventStreams {
  readonly #gateway: Gateway;
  readonly #notices: QueueNotices;
  readonly #watched = new Map<string, Watched>();
  readonly #ending: AbortSignal;
  #open = 0;

  /** @param ending aborted: all streams end; their readers come again, elsewhere. */
  constructor(gateway: Gateway, ending: AbortSignal) {
    this.#gateway = gateway;
    this.#ending = ending;
    this.#notices = new QueueNotices(gateway.sessions, gateway.pools, gateway.log);
  }

  /** Readers that are here. */
  get open(): number {
    return this.#open;
  }

  /** @throws Failure `too_many_streams` */
  refuseMore(): void {
    const { maxEventStreams } = this.#gateway.settings;
    if (this.#open >= maxEventStreams) {
      throw new Failure('too_many_streams', `${maxEventStreams} readers of events are here already: come again later`);
    }
  }

  /**
   * Writes a session's events until it is over, or its reader has left.
   * @param view the session as it is now. @param place what the reader has.
   */
  async serve(ref: SessionRef, view: SessionView, place: EventPlace, response: ServerResponse): Promise<void> {
    const { eventsHeartbeatMs, uploadStallMs } = this.#gateway.settings;
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    response.once('close', leave);
    this.#ending.addEventListener('abort', leave);
    if (this.#ending.aborted) leave();
    // What is silent is told by the heartbeat, and not by the limit of other requests.
    response.socket?.setTimeout(0);
    const writer = new EventWriter(response, { heartbeatMs: eventsHeartbeatMs, retryMs: RETRY_MS });
    const watch = this.#join(ref, view);
    this.#open += 1;
    try {
      await new Reader(ref, writer, place).follow(watch, leaving.signal);
    } catch (error) {
      if (!(error instanceof ReaderGone)) this.#note(ref, error);
    } finally {
      this.#open -= 1;
      this.#leave(ref);
      writer.end();
      response.socket?.setTimeout(uploadStallMs);
      response.off('close', leave);
      this.#ending.removeEventListener('abort', leave);
    }
  }

  #join(ref: SessionRef, view: SessionView): SessionWatch {
    const key = sessionWorkflowId(ref);
    const { sessions, objects, log } = this.#gateway;
    const make = () => new SessionWatch({ sessions, objects, log, notices: this.#notices }, ref, view);
    const watched = this.#watched.get(key) ?? { watch: make(), readers: 0 };
    watched.readers += 1;
    this.#watched.set(key, watched);
    return watched.watch;
  }

  #leave(ref: SessionRef): void {
    const key = sessionWorkflowId(ref);
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    watched.readers -= 1;
    if (watched.readers > 0) return;
    watched.watch.close();
    this.#watched.delete(key);
  }

  #note(ref: SessionRef, error: unknown): void {
    const failure = asFailure(error);
    if (failure.type === 'not_found') return;
    this.#gateway.log.error({ err: error, session: ref.id }, 'a stream of events broke off');
  }
}

function requireReader(signal: AbortSignal): void {
  if (signal.aborted) throw new ReaderGone('the reader has left, or is to come again');
}

/** One reader: what it has been told, and what comes next. */
class Reader {
  readonly #ref: SessionRef;
  readonly #writer: EventWriter;
  #place: EventPlace;
  #queue: Snapshot['queue'] = null;

  constructor(ref: SessionRef, writer: EventWriter, place: EventPlace) {
    this.#ref = ref;
    this.#writer = writer;
    this.#place = place;
  }

  async follow(watch: SessionWatch, signal: AbortSignal): Promise<void> {
    if (this.#place.told === '') await this.#tellState(watch.latest);
    for (;;) {
      const snapshot = watch.latest;
      await this.#give(snapshot, signal);
      requireReader(signal);
      await this.#tellState(snapshot);
      await this.#tellQueue(snapshot);
      if (snapshot.result !== null) return this.#finish(snapshot, snapshot.result);
      await watch.changed(snapshot, signal);
      requireReader(signal);
    }
  }

  /** Finals up to those of the snapshot, in order, as fast as they are read. */
  async #give({ finals, count }: Snapshot, signal: AbortSignal): Promise<void> {
    while (this.#place.nextIndex < count) {
      const segments = await finals.read(this.#place.nextIndex);
      if (segments.length === 0) return;
      for (const segment of segments) {
        requireReader(signal);
        this.#place = { ...this.#place, nextIndex: segment.index + 1 };
        await this.#writer.send('final', eventId(this.#place), finalMessage(segment));
      }
    }
  }

  async #tellState({ view }: Snapshot): Promise<void> {
    const session = sessionOf(this.#ref, view);
    const told = digestOf(stateOf(view, session.progress));
    if (told === this.#place.told) return;
    this.#place = { ...this.#place, told };
    await this.#writer.send('session', eventId(this.#place), session);
  }

  async #tellQueue({ queue }: Snapshot): Promise<void> {
    if (queue === null || queue === this.#queue) return;
    this.#queue = queue;
    await this.#writer.send('queued', null, { ...queue, estimated: true });
  }

  async #finish({ count }: Snapshot, { state, reason, detail, audioMs }: NonNullable<Snapshot['result']>) {
    this.#place = { ...this.#place, told: DONE };
    const error = reason === null ? null : { code: reason, detail };
    await this.#writer.send('done', eventId(this.#place), { state, segments: count, audioMs, error });
  }
}

/** What of a session is told when it changes: not each piece of progress, but each percent. */
function stateOf({ state, epoch, attached, spans, audioEndByte, reason }: SessionView, progress: number | null) {
  const percent = progress === null ? null : Math.floor(progress * 100);
  return [state, epoch, attached, spans?.total ?? null, audioEndByte, reason, percent];
}
