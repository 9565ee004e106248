/**
 * Sample rate conversion to 16 kHz, for browsers that give the microphone at its own rate only. Windowed sinc: every
 * output is Σ x(k) h(n·r - k), r = inRate/16000, h a sinc of cut-off min(1, 1/r) under a Blackman window (Smith, "Digital
 * Audio Resampling", https://ccrma.stanford.edu/~jos/resample/).
 */
export const OUT_RATE = 16_000;
/** Zero crossings on each side of the filter. */
const LOBES = 12;

export class Resampler {
  #inStep;
  #outStep;
  #reach;
  #cutoff;
  /** Taps by the output's place between two input samples. @type {Map<number, Float64Array>} */
  #taps = new Map();
  /** Input from #start on; before the first sample there is silence. */
  #held;
  #start;
  #nextOut = 0;

  /** @param {number} inRate samples a second, a whole number */
  constructor(inRate) {
    const divisor = greatestDivisor(inRate, OUT_RATE);
    this.#inStep = inRate / divisor;
    this.#outStep = OUT_RATE / divisor;
    this.#cutoff = Math.min(1, OUT_RATE / inRate);
    this.#reach = Math.ceil(LOBES / this.#cutoff);
    this.#held = new Float32Array(this.#reach);
    this.#start = -this.#reach;
  }

  /**
   * Takes input samples; gives the output samples that are certain by now.
   * @param {Float32Array} input
   */
  push(input) {
    if (this.#inStep === this.#outStep) return input.slice();
    const joined = new Float32Array(this.#held.length + input.length);
    joined.set(this.#held);
    joined.set(input, this.#held.length);
    const certain = Math.ceil(((this.#start + joined.length - this.#reach) * this.#outStep) / this.#inStep);
    const output = new Float32Array(Math.max(0, certain - this.#nextOut));
    for (let i = 0; i < output.length; i += 1) output[i] = this.#sample(joined, this.#nextOut + i);
    this.#nextOut += output.length;
    const keepFrom = this.#before(this.#nextOut) - this.#reach + 1;
    this.#held = joined.slice(keepFrom - this.#start);
    this.#start = keepFrom;
    return output;
  }

  /** The rest, as if silence followed. */
  flush() {
    return this.#inStep === this.#outStep ? new Float32Array(0) : this.push(new Float32Array(this.#reach));
  }

  /** The input sample at or before an output sample. @param {number} out */
  #before(out) {
    return Math.floor((out * this.#inStep) / this.#outStep);
  }

  /** @param {Float32Array} input from #start on @param {number} out */
  #sample(input, out) {
    const taps = this.#tapsOf((out * this.#inStep) % this.#outStep);
    const first = this.#before(out) - this.#reach + 1 - this.#start;
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) sum += (input[first + i] ?? 0) * (taps[i] ?? 0);
    return sum;
  }

  /** @param {number} phase */
  #tapsOf(phase) {
    const known = this.#taps.get(phase);
    if (known !== undefined) return known;
    const taps = new Float64Array(2 * this.#reach);
    for (let i = 0; i < taps.length; i += 1) taps[i] = this.#tap(phase / this.#outStep + this.#reach - 1 - i);
    this.#taps.set(phase, taps);
    return taps;
  }

  /** @param {number} distance in input samples */
  #tap(distance) {
    const turn = (Math.PI * distance) / this.#reach;
    const window = 0.42 + 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    const x = Math.PI * distance * this.#cutoff;
    return (x === 0 ? 1 : Math.sin(x) / x) * this.#cutoff * window;
  }
}

/** @type {(a: number, b: number) => number} */
const greatestDivisor = (a, b) => (b === 0 ? a : greatestDivisor(b, a % b));

/**
 * Samples in [-1, 1] as signed 16-bit little-endian; louder ones are clipped.
 * @param {Float32Array} samples
 */
export function toS16le(samples) {
  const bytes = new DataView(new ArrayBuffer(samples.length * 2));
  samples.forEach((sample, i) => {
    bytes.setInt16(i * 2, Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), true);
  });
  return new Uint8Array(bytes.buffer);
}
