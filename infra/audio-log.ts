import {
  checkOffset,
  isJoined,
  LOG_FORMAT,
  objectsFrom,
  reachBytes,
  stretchKey,
  stretchesFrom,
} from './audio-log/stretches.ts';
import type { LogFormat, StretchStore } from './audio-log/stretches.ts';

/** How far a log reaches. */
export interface Extent {
  /** Bytes from the start without a gap; everything before is on durable storage. */
  readonly durableBytes: number;
  /** No more audio is taken: the log ends at `durableBytes`. */
  readonly sealed: boolean;
}

/** A moment by both clocks: the one stands still while a machine sleeps, the other may be set back. */
export interface Instant {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface AudioLogOptions {
  /** A stretch younger than this is never compacted, by any process ({@link Compaction}); Infinity: none ever is. */
  readonly settleMs: number;
  /** A log reaches this far, as far as this process knows. */
  readonly seen: (prefix: string, durableBytes: number) => void;
  readonly format: LogFormat;
  readonly clock: () => Instant;
}

/** Where a log ended, and when that was asked. */
interface KnownEnd {
  readonly durableBytes: number;
  readonly asOf: Instant;
}

const DEFAULTS: AudioLogOptions = {
  settleMs: 600_000,
  seen: () => undefined,
  format: LOG_FORMAT,
  clock: () => ({ monotonicMs: performance.now(), wallMs: Date.now() }),
};

/** What is forgotten about a log costs a listing. */
const MAX_KNOWN = 10_000;
/** A gap may be a compaction that came between two looks at a listing: what is there when looked again is one. */
const LOOKS = 3;

/**
 * A session's audio, append-only, addressed by byte offset. Each stretch is one object, `<prefix><first byte, 16
 * digits>`, created once: of two writers that stand at the same byte one is told that it came too late. An object
 * without bytes at the end is the seal: it takes the place where the next stretch would go.
 *
 * Old stretches are joined (audio-log/compaction.ts): a longer one is put over the first, later the others are deleted.
 * A writer that knew of the log's end for longer than half of `settleMs` might stand at an offset that has been taken
 * and deleted since: it looks before it creates, and, should it have been held up in between, once more after it.
 * Errors are the store's.
 */
export class AudioLog {
  readonly #store: StretchStore;
  readonly #options: AudioLogOptions;
  readonly #ends = new Map<string, KnownEnd>();

  constructor(store: StretchStore, options: Partial<AudioLogOptions> = {}) {
    this.#store = store;
    this.#options = { ...DEFAULTS, ...options };
  }

  async extent(prefix: string): Promise<Extent> {
    const asOf = this.#options.clock();
    // What was stored stays stored: only what follows need be looked through.
    const known = this.#ends.get(prefix)?.durableBytes ?? 0;
    const extent = (await this.#walk(prefix, known)) ?? (await this.#walk(prefix, 0)) ?? NOTHING;
    this.#knows(prefix, { durableBytes: extent.durableBytes, asOf });
    return extent;
  }

  /**
   * Stores the next stretch, which begins at the log's present end. Answers false when that end is taken already, by a
   * stretch or by the seal: the caller asks {@link extent} and goes on from there.
   */
  async append(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean> {
    if (bytes.byteLength === 0) throw new RangeError('an empty stretch would seal the log: use seal');
    const { appendBytes } = this.#options.format;
    if (bytes.byteLength > appendBytes) throw new RangeError(`a stretch has at most ${appendBytes} bytes`);
    return this.#create(prefix, startByte, bytes);
  }

  /** Ends the log at its present end. Answers false when there is audio at that byte; sealing twice is no error. */
  async seal(prefix: string, endByte: number): Promise<boolean> {
    if (await this.#create(prefix, endByte, new Uint8Array())) return true;
    return (await this.#store.get(stretchKey(prefix, endByte)))?.byteLength === 0;
  }

  /**
   * The bytes from `fromByte` up to `toByte`, or to the durable end at the time of reaching it, in pieces of any size.
   * Ends early, without an error, where the log is shorter.
   */
  async *read(prefix: string, fromByte: number, toByte = Infinity): AsyncGenerator<Uint8Array, void> {
    checkOffset(fromByte);
    for (let at = fromByte, looks = 0; at < toByte && looks < LOOKS;) {
      const before = at;
      let isGap = false;
      const listedAt = this.#options.clock();
      for await (const { key, start, bytes } of stretchesFrom(this.#store, prefix, at, this.#options.format)) {
        isGap = start > at;
        if (isGap || at >= toByte || (at > before && this.#isOld(listedAt))) break;
        if (start + bytes <= at) continue;
        const stretch = await this.#store.get(key);
        // Gone since it was listed: a compaction has put its bytes elsewhere, and the next listing says where.
        isGap = stretch === null || start + stretch.byteLength <= at;
        if (stretch === null || isGap) break;
        const piece = stretch.subarray(at - start, toByte - start);
        yield piece;
        at += piece.byteLength;
      }
      // What was appended while this was read is read too; nothing new means the end.
      if (at === before && !isGap) return;
      looks = at === before ? looks + 1 : 0;
    }
  }

  /** How far the log reaches when it is known to reach `from`; null when it does not. */
  async #walk(prefix: string, from: number): Promise<Extent | null> {
    for (let look = 1, before = -1; ; look += 1) {
      const { isGap, reaches, ...extent } = await this.#look(prefix, from);
      if (!isGap || extent.durableBytes === before || look === LOOKS) return reaches ? extent : null;
      before = extent.durableBytes;
    }
  }

  async #look(prefix: string, from: number): Promise<Extent & { isGap: boolean; reaches: boolean }> {
    let durableBytes = from;
    let reaches = from === 0;
    for await (const { start, bytes } of stretchesFrom(this.#store, prefix, from, this.#options.format)) {
      if (start > durableBytes) return { durableBytes, sealed: false, isGap: true, reaches };
      if (bytes === 0 && start === durableBytes) return { durableBytes, sealed: true, isGap: false, reaches };
      if (start < from && start + bytes >= from) reaches = true;
      durableBytes = Math.max(durableBytes, start + bytes);
    }
    return { durableBytes, sealed: false, isGap: false, reaches };
  }

  async #create(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean> {
    const key = stretchKey(prefix, startByte);
    if (!this.#isFresh(prefix, startByte)) {
      const { durableBytes, sealed } = await this.extent(prefix);
      if (durableBytes > startByte || (sealed && durableBytes === startByte)) return false;
    }
    const asOf = this.#options.clock();
    if (!(await this.#store.create(key, bytes))) return false;
    if (!this.#isFresh(prefix, startByte) && (await this.#isJoinedOver(prefix, startByte))) {
      await this.#store.deleteEach([key]);
      return false;
    }
    this.#knows(prefix, { durableBytes: startByte + bytes.byteLength, asOf });
    return true;
  }

  /** Whether that byte was the log's end so short a time ago that no compaction can have passed over it since. */
  #isFresh(prefix: string, endByte: number): boolean {
    const known = this.#ends.get(prefix);
    if (known?.durableBytes !== endByte) return false;
    return !this.#isOld(known.asOf);
  }

  /** So long ago that what was true of the store's objects then need not be true now. */
  #isOld(then: Instant): boolean {
    const { monotonicMs, wallMs } = this.#options.clock();
    return Math.max(monotonicMs - then.monotonicMs, wallMs - then.wallMs) >= this.#options.settleMs / 2;
  }

  /** Whether a joined stretch that begins earlier holds the byte. */
  async #isJoinedOver(prefix: string, byte: number): Promise<boolean> {
    const { format } = this.#options;
    for await (const stretch of objectsFrom(this.#store, prefix, Math.max(0, byte - reachBytes(format)))) {
      if (stretch.start >= byte) return false;
      if (isJoined(stretch, format) && stretch.start + stretch.bytes > byte) return true;
    }
    return false;
  }

  #knows(prefix: string, end: KnownEnd): void {
    this.#ends.delete(prefix);
    const [oldest] = this.#ends.size >= MAX_KNOWN ? this.#ends.keys() : [];
    if (oldest !== undefined) this.#ends.delete(oldest);
    this.#ends.set(prefix, end);
    this.#options.seen(prefix, end.durableBytes);
  }
}

const NOTHING: Extent = { durableBytes: 0, sealed: false };
