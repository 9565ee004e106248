/** One worker's connection to one session: audio out, results in, and the watch on what comes back. */
import type { RawData, WebSocket } from 'ws';
import { PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { AudioDial, FromWorker, ToWorker } from '../../workflows/audio-plane.ts';
import { LOG_BYTES_PER_MS } from '../../workflows/contract.ts';
import type { Segment } from '../../workflows/contract.ts';
import { isStorageDamage } from '../failures.ts';
import { Feed } from './feed.ts';
import type { FeedSource } from './feed.ts';

export interface WorkerLinkEvents {
  /** A partial as the worker wrote it: JSON of the protocol's `partial` message. */
  partial(json: Buffer): void;
  /** The recogniser has taken in the audio log up to here; what was said before `settled` is told, if that is known. */
  consumed(bytes: number, settled: number | null): void;
  final(segments: readonly Segment[]): void;
  /** The link is gone. `lost`: the worker did not mean it to be. */
  gone(how: 'ended' | 'moved' | 'lost', why: string): void;
  fault(error: unknown): void;
}

export interface WatchSettings {
  readonly sendAheadMs: number;
  readonly workerSilenceMs: number;
  readonly workerStallMs: number;
}

/** Close codes by which a worker ends a link on purpose. */
const MEANT: readonly number[] = [PLANE_CLOSE.done, PLANE_CLOSE.leaseEnded, PLANE_CLOSE.redial];

/** Damaged audio is read again after pauses that double from the one to the other: for 6 s in all. */
const FIRST_REREAD_MS = 200;
const LAST_REREAD_MS = 3200;

const PARTIAL = Buffer.from('{"type":"partial"');

export class WorkerLink {
  readonly dial: AudioDial;
  readonly #socket: WebSocket;
  readonly #feed: Feed;
  readonly #events: WorkerLinkEvents;
  readonly #settings: WatchSettings;
  #heardAtMs = performance.now();
  #progressAtMs = performance.now();
  #gone = false;

  constructor(
    socket: WebSocket,
    dial: AudioDial,
    source: FeedSource,
    settings: WatchSettings,
    events: WorkerLinkEvents,
  ) {
    this.dial = dial;
    this.#socket = socket;
    this.#events = events;
    this.#settings = settings;
    this.#feed = new Feed(socket, source, dial.fromByte, settings.sendAheadMs * LOG_BYTES_PER_MS);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('close', (code) => this.#closed(code));
  }

  /** Starts sending audio. */
  open(): void {
    this.#send().catch((error: unknown) => {
      this.#events.fault(error);
      if (isStorageDamage(error)) this.#giveUp();
      else this.#end(PLANE_CLOSE.goingAway, 'audio cannot be read');
    });
  }

  /** What was damaged on its way from storage comes right when it is read again. */
  async #send(): Promise<void> {
    for (let pauseMs = FIRST_REREAD_MS, from = -1; ; pauseMs *= 2) {
      try {
        await this.#feed.run();
        return;
      } catch (error) {
        if (this.#feed.position > from) pauseMs = FIRST_REREAD_MS;
        from = this.#feed.position;
        if (!isStorageDamage(error) || pauseMs > LAST_REREAD_MS || this.#gone) throw error;
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  /** The stored audio is damaged, and nobody has it any more. */
  #giveUp(): void {
    if (this.#gone) return;
    this.#end(PLANE_CLOSE.damaged, 'the stored audio is damaged');
    this.#events.gone('ended', 'the stored audio is damaged');
  }

  /** Audio came, or its end is known. */
  wake(): void {
    this.#feed.wake();
  }

  /** Finals of the audio log before a byte are wanted; said once the worker has been sent it. */
  finalize(atByte: number): void {
    this.#feed.finalize(atByte);
  }

  /** The client is away, or there and quiet. */
  pause(quiet: boolean): void {
    this.#socket.send(JSON.stringify({ type: 'pause', ...(quiet ? { quiet } : {}) } satisfies ToWorker));
  }

  /** The lease is void: a newer one exists, or the session is over. No event follows. */
  fence(reason: string): void {
    this.#end(PLANE_CLOSE.fenced, reason);
  }

  /** This gateway ends; the worker dials again. No event follows. */
  leave(): void {
    this.#end(PLANE_CLOSE.goingAway, 'gateway ends');
  }

  /** A stall of this process's own is no fault of the worker's. */
  forgive(ms: number): void {
    this.#heardAtMs += ms;
    this.#progressAtMs += ms;
  }

  /** Finds a worker that hangs by what does not come back. */
  check(nowMs: number): void {
    if (this.#gone) return;
    const { workerSilenceMs, workerStallMs } = this.#settings;
    if (this.#feed.position <= this.#feed.consumed) this.#progressAtMs = nowMs;
    const silent = nowMs - this.#heardAtMs > workerSilenceMs;
    const stalled = nowMs - this.#progressAtMs > workerStallMs;
    if (!silent && !stalled) return;
    const why = silent ? `silent for ${workerSilenceMs} ms` : `took no audio in for ${workerStallMs} ms`;
    this.#lose(PLANE_CLOSE.fenced, why);
  }

  #lose(code: number, why: string): void {
    this.#end(code, why);
    this.#events.gone('lost', why);
  }

  #end(code: number, reason: string): void {
    this.#gone = true;
    this.#feed.close();
    this.#socket.close(code, reason);
    // A worker that hangs answers no close; its socket must not linger.
    setTimeout(() => this.#socket.terminate(), 1000).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#gone || isBinary || !(data instanceof Buffer)) return;
    if (data.subarray(0, PARTIAL.length).equals(PARTIAL)) {
      this.#events.partial(data);
      return;
    }
    const message = parse(data);
    if (message?.type === 'consumed') this.#consumed(message.bytes, message.settled ?? null);
    else if (message?.type === 'final') this.#events.final(message.segments);
    else this.#lose(PLANE_CLOSE.refused, 'said what is no message of the audio plane');
  }

  #consumed(bytes: number, settled: number | null): void {
    this.#heardAtMs = performance.now();
    if (bytes > this.#feed.consumed) this.#progressAtMs = this.#heardAtMs;
    this.#feed.consumedTo(bytes);
    this.#events.consumed(bytes, settled);
  }

  #closed(code: number): void {
    this.#feed.close();
    if (this.#gone) return;
    this.#gone = true;
    if (MEANT.includes(code)) this.#events.gone('ended', `closed ${code}`);
    else if (code === PLANE_CLOSE.moved) this.#events.gone('moved', 'served by another gateway');
    else this.#events.gone('lost', `connection closed with ${code}`);
  }
}

/** A worker of another version, or none of ours: what it says must not end this process. */
function parse(data: Buffer): FromWorker | null {
  try {
    const message = JSON.parse(data.toString('utf8')) as FromWorker | null;
    if (message?.type === 'final') return Array.isArray(message.segments) ? message : null;
    return message?.type === 'consumed' && Number.isSafeInteger(message.bytes) ? message : null;
  } catch {
    return null;
  }
}

const TICK_MS = 50;
/** A tick that is later than this tells of a stall of this process. */
const STALL_MS = 100;

/** Looks at all links twenty times a second. */
export class WorkerWatch {
  readonly #links = new Set<WorkerLink>();
  readonly #timer: NodeJS.Timeout;
  #lastTickMs = performance.now();

  constructor() {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  add(link: WorkerLink): void {
    this.#links.add(link);
  }

  delete(link: WorkerLink): void {
    this.#links.delete(link);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const nowMs = performance.now();
    const lagMs = nowMs - this.#lastTickMs - TICK_MS;
    this.#lastTickMs = nowMs;
    for (const link of [...this.#links]) {
      if (lagMs > STALL_MS) link.forgive(lagMs);
      link.check(nowMs);
    }
  }
}
