/** 40 ms, in samples: the length of the stretch whose loudness is compared. */
const QUIET = 640;
/** 10 ms, in samples. */
const STEP = 160;

/**
 * The recent samples of a session by their absolute number. It grows as needed up to `maxSamples`; what is older than
 * {@link forget} said makes room.
 */
export class SampleBuffer {
  private samples = new Int16Array(1 << 17);
  private from: number;
  private to: number;
  private readonly maxSamples: number;

  constructor(from: number, maxSamples: number) {
    this.from = this.to = from;
    this.maxSamples = maxSamples;
  }

  /** Number of the next sample. */
  get end(): number {
    return this.to;
  }

  /** Appends s16le bytes, an even number of them. */
  append(bytes: Uint8Array): void {
    const count = bytes.length / 2;
    this.makeRoom(count);
    let at = this.to - this.from;
    for (let i = 0; i < bytes.length; i += 2) {
      this.samples[at++] = (bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8);
    }
    this.to += count;
  }

  /** Samples before this one are not needed any more. */
  forget(before: number): void {
    const drop = Math.min(before, this.to) - this.from;
    // Moved in big steps only: moving is linear in what is kept.
    if (drop < this.samples.length / 4) return;
    this.samples.copyWithin(0, drop, this.to - this.from);
    this.from += drop;
  }

  /** Samples [from, to) between -1 and 1, followed by `padding` zeros. */
  slice(from: number, to: number, padding: number): Float32Array {
    if (from < this.from || to > this.to) throw new RangeError(`samples ${from} to ${to} are not held`);
    const out = new Float32Array(to - from + padding);
    for (let i = 0; i < to - from; i++) out[i] = (this.samples[from - this.from + i] ?? 0) / 32_768;
    return out;
  }

  /** Middle of the quietest 40 ms between two samples. */
  quietest(from: number, to: number): number {
    let best = from;
    let least = Infinity;
    for (let at = from; at + QUIET <= to; at += STEP) {
      const energy = this.energy(at - this.from);
      if (energy >= least) continue;
      least = energy;
      best = at + QUIET / 2;
    }
    return best;
  }

  private energy(at: number): number {
    let sum = 0;
    for (let i = at; i < at + QUIET; i += 4) sum += (this.samples[i] ?? 0) ** 2;
    return sum;
  }

  private makeRoom(count: number): void {
    const held = this.to - this.from;
    if (held + count <= this.samples.length) return;
    if (held + count > this.maxSamples) throw new RangeError(`more than ${this.maxSamples} samples would be held`);
    const larger = new Int16Array(Math.min(this.maxSamples, Math.max(held + count, this.samples.length * 2)));
    larger.set(this.samples.subarray(0, held));
    this.samples = larger;
  }
}
