/** Pieces smaller than this are copied together: one by one each would hold an object, and the packet it came in. */
const SMALL_BYTES = 4096;
const BLOCK_BYTES = 16_384;

interface Chunk {
  readonly start: number;
  bytes: Buffer;
  /** What small pieces are copied into: `bytes` is its beginning. */
  readonly block: Buffer | null;
}

/**
 * The stretch of a session's audio log that a gateway holds in memory: what is not stored yet, and a little of what is, so
 * that a takeover need not read storage. Offsets are bytes in the audio log.
 */
export class AudioBuffer {
  /** First byte held. */
  #start: number;
  #end: number;
  readonly #chunks: Chunk[] = [];

  constructor(start: number) {
    this.#start = start;
    this.#end = start;
  }

  get start(): number {
    return this.#start;
  }

  /** One past the last byte held. */
  get end(): number {
    return this.#end;
  }

  append(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (bytes.length < SMALL_BYTES) this.#copy(bytes);
    else this.#chunks.push({ start: this.#end, bytes, block: null });
    this.#end += bytes.length;
  }

  /** Behind what was copied before, where there is room: runs given out by {@link from} stay as they are. */
  #copy(bytes: Buffer): void {
    const last = this.#chunks.at(-1);
    const used = last?.bytes.length ?? 0;
    if (last?.block && used + bytes.length <= last.block.length) {
      last.block.set(bytes, used);
      last.bytes = last.block.subarray(0, used + bytes.length);
      return;
    }
    const block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    block.set(bytes);
    this.#chunks.push({ start: this.#end, bytes: block.subarray(0, bytes.length), block });
  }

  /** A run of bytes from `offset` on, without copying; null when `offset` is not held. */
  from(offset: number): Buffer | null {
    if (offset < this.#start || offset >= this.#end) return null;
    const chunk = this.#chunks[this.#find(offset)];
    return chunk === undefined ? null : chunk.bytes.subarray(offset - chunk.start);
  }

  /** All bytes of [from, to), copied together. */
  slice(from: number, to: number): Buffer {
    const parts: Buffer[] = [];
    for (let at = from; at < to;) {
      const run = this.from(at);
      if (run === null) throw new Error(`bytes from ${at} are not held: ${this.#start} to ${this.#end} are`);
      const part = run.subarray(0, to - at);
      parts.push(part);
      at += part.length;
    }
    return Buffer.concat(parts);
  }

  /** Lets go of whole chunks before `offset`. */
  trim(offset: number): void {
    let drop = 0;
    for (const { start, bytes } of this.#chunks) {
      if (start + bytes.length > offset) break;
      drop += 1;
    }
    if (drop === 0) return;
    this.#chunks.splice(0, drop);
    this.#start = this.#chunks[0]?.start ?? this.#end;
  }

  /** Index of the chunk that holds `offset`; looked for from the end, where live audio is read. */
  #find(offset: number): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    if (offset >= (this.#chunks[high]?.start ?? Infinity)) return high;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#chunks[middle]?.start ?? Infinity) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
