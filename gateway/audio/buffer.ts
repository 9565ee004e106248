/**
 * The stretch of a session's audio log that a gateway holds in memory: what is not stored yet, and a little of what is, so
 * that a takeover need not read storage. Offsets are bytes in the audio log.
 */
export class AudioBuffer {
  /** First byte held. */
  #start: number;
  #end: number;
  readonly #chunks: { readonly start: number; readonly bytes: Buffer }[] = [];

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
    this.#chunks.push({ start: this.#end, bytes });
    this.#end += bytes.length;
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
