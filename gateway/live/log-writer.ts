/**
 * Stores a session's audio, stretch after stretch, and says up to which byte it is stored. One stretch is under way at a
 * time; storage that fails is tried again for ever, while acknowledgements stand still.
 */
import type { AudioBuffer } from '../audio/buffer.ts';
import type { AudioLogPort, Log } from '../ports.ts';
import { untilDone } from '../retry.ts';

const MAX_STRETCH_BYTES = 1 << 20;

export interface LogWriterEvents {
  durable(bytes: number): void;
  /** Another writer owns the next byte: true when this one is still the session's and should go on behind it. */
  isCurrent(): Promise<boolean>;
  /** Another gateway serves the session now. */
  superseded(): void;
}

export class LogWriter {
  readonly #log: AudioLogPort;
  readonly #prefix: string;
  readonly #buffer: AudioBuffer;
  readonly #intervalMs: number;
  readonly #events: LogWriterEvents;
  readonly #faults: Log;
  #durable: number;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = false;

  constructor(
    log: AudioLogPort,
    prefix: string,
    buffer: AudioBuffer,
    intervalMs: number,
    events: LogWriterEvents,
    faults: Log,
  ) {
    this.#log = log;
    this.#prefix = prefix;
    this.#buffer = buffer;
    this.#intervalMs = intervalMs;
    this.#events = events;
    this.#faults = faults;
    this.#durable = buffer.end;
  }

  /** Everything before this byte of the log is stored. */
  get durable(): number {
    return this.#durable;
  }

  /** Audio was appended to the buffer: it is stored within the interval. */
  notify(): void {
    this.#timer ??= setTimeout(() => void this.flush(), this.#intervalMs);
  }

  /** Resolves when all that is in the buffer now is stored, or the writer has stopped. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const wanted = this.#buffer.end;
    while (this.#durable < wanted && !this.#stopped) {
      this.#running ??= this.#store()
        .catch((error: unknown) => this.#gaveUp(error))
        .finally(() => (this.#running = null));
      await this.#running;
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Stores one stretch. */
  async #store(): Promise<void> {
    const from = this.#durable;
    const to = Math.min(this.#buffer.end, from + MAX_STRETCH_BYTES);
    const bytes = this.#buffer.slice(from, to);
    if (await this.#persist('storing audio', () => this.#log.append(this.#prefix, from, bytes))) {
      this.#durable = to;
      this.#events.durable(to);
    } else {
      await this.#giveWay();
    }
  }

  /** A writer that was stopped while storage was away owes nobody an answer. */
  #gaveUp(error: unknown): void {
    if (!this.#stopped) throw error;
  }

  /** The stretch is another writer's: the newer one of the two goes on behind it, unless the log is sealed there. */
  async #giveWay(): Promise<void> {
    const current = await this.#persist('asking whose session it is', () => this.#events.isCurrent());
    if (!current) {
      this.#supersede();
      return;
    }
    const { durableBytes, sealed } = await this.#persist('reading the audio log', () => this.#log.extent(this.#prefix));
    if (sealed && durableBytes < this.#buffer.end) {
      this.#supersede();
      return;
    }
    this.#durable = durableBytes;
    this.#events.durable(Math.min(durableBytes, this.#buffer.end));
  }

  #supersede(): void {
    if (this.#stopped) return;
    this.stop();
    this.#events.superseded();
  }

  /** Tries until it works: an acknowledgement means stored. */
  #persist<T>(what: string, attempt: () => Promise<T>): Promise<T> {
    return untilDone(what, attempt, () => this.#stopped, this.#faults);
  }
}
