/** What the audio log needs of an object store. */
export interface StretchStore {
  create(key: string, body: Uint8Array): Promise<boolean>;
  get(key: string): Promise<Uint8Array | null>;
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
}

/** How far a log reaches. */
export interface Extent {
  /** Bytes from the start without a gap; everything before is on durable storage. */
  readonly durableBytes: number;
  /** No more audio is taken: the log ends at `durableBytes`. */
  readonly sealed: boolean;
}

/**
 * A session's audio, append-only, addressed by byte offset. Each stretch is one object, `<prefix><first byte, 16
 * digits>`, created once: of two writers that stand at the same byte one is told that it came too late. An object
 * without bytes at the end is the seal: it takes the place where the next stretch would go.
 *
 * A stretch may reach into or past the next ones (a longer one put over the first by a later compaction): bytes of the
 * same offset are the same bytes. Errors are the store's.
 */
export class AudioLog {
  readonly #store: StretchStore;

  constructor(store: StretchStore) {
    this.#store = store;
  }

  async extent(prefix: string): Promise<Extent> {
    let durableBytes = 0;
    for await (const { start, bytes } of this.#stretches(prefix)) {
      if (start > durableBytes) break;
      if (bytes === 0 && start === durableBytes) return { durableBytes, sealed: true };
      durableBytes = Math.max(durableBytes, start + bytes);
    }
    return { durableBytes, sealed: false };
  }

  /**
   * Stores the next stretch, which begins at the log's present end. Answers false when that end is taken already, by a
   * stretch or by the seal: the caller asks {@link extent} and goes on from there.
   */
  async append(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean> {
    if (bytes.byteLength === 0) throw new RangeError('an empty stretch would seal the log: use seal');
    return this.#store.create(stretchKey(prefix, startByte), bytes);
  }

  /** Ends the log at its present end. Answers false when there is audio at that byte; sealing twice is no error. */
  async seal(prefix: string, endByte: number): Promise<boolean> {
    const key = stretchKey(prefix, endByte);
    if (await this.#store.create(key, new Uint8Array())) return true;
    return (await this.#store.get(key))?.byteLength === 0;
  }

  /**
   * The bytes from `fromByte` up to `toByte`, or to the durable end at the time of reaching it, in pieces of any size.
   * Ends early, without an error, where the log is shorter.
   */
  async *read(prefix: string, fromByte: number, toByte = Infinity): AsyncGenerator<Uint8Array, void> {
    checkOffset(fromByte);
    for (let at = fromByte; at < toByte;) {
      const before = at;
      for await (const { key, start, bytes } of this.#stretches(prefix)) {
        if (start > at || at >= toByte) break;
        if (start + bytes <= at) continue;
        const stretch = await this.#store.get(key);
        const piece = stretch?.subarray(at - start, toByte - start);
        // Gone since it was listed: a compaction has put its bytes elsewhere, and the next listing says where.
        if (piece === undefined || piece.byteLength === 0) break;
        yield piece;
        at += piece.byteLength;
      }
      // What was appended while this was read is read too; nothing new means the end.
      if (at === before) return;
    }
  }

  async *#stretches(prefix: string): AsyncGenerator<{ key: string; start: number; bytes: number }, void> {
    for await (const { key, bytes } of this.#store.list(prefix)) {
      const digits = key.slice(prefix.length);
      if (STRETCH.test(digits)) yield { key, start: Number(digits), bytes };
    }
  }
}

const STRETCH = /^\d{16}$/;

/** 16 digits hold every safe integer, and make the order of keys the order of bytes. */
function stretchKey(prefix: string, startByte: number): string {
  checkOffset(startByte);
  return `${prefix}${String(startByte).padStart(16, '0')}`;
}

function checkOffset(byte: number): void {
  if (!Number.isSafeInteger(byte) || byte < 0) throw new RangeError(`byte offset ${byte} is not a whole number from 0`);
}
