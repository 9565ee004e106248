/**
 * Sample rate conversion to 16 kHz that depends on nothing but the input and its absolute place: started anew at any
 * input frame it gives the same samples, so that a client can resume in the middle. That is why it is our own.
 *
 * Windowed-sinc interpolation: y(n) = Σ x(k) h(n·r - k), r = inRate/16000, h a sinc of cut-off min(1, 1/r) under a
 * Blackman window (Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/).
 */
const OUT_RATE = 16_000;
/** Zero crossings on each side of the filter. */
const LOBES = 12;

/** Greatest common divisor. */
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

interface Filter {
  /** Input frames on each side that one output sample depends on. */
  readonly reach: number;
  /** inRate : 16000 = inStep : outStep, in lowest terms. */
  readonly inStep: number;
  readonly outStep: number;
  /** For each place of an output sample between two frames. */
  readonly taps: readonly Float64Array[];
}

/** The taps for an output that lies `fraction` of an input frame after a frame. */
function tapsAt(fraction: number, cutoff: number, reach: number): Float64Array {
  const taps = new Float64Array(2 * reach);
  for (let i = 0; i < taps.length; i += 1) {
    const distance = fraction + reach - 1 - i;
    const window =
      0.42 + 0.5 * Math.cos((Math.PI * distance) / reach) + 0.08 * Math.cos((2 * Math.PI * distance) / reach);
    const x = Math.PI * distance * cutoff;
    taps[i] = Math.abs(distance) >= reach ? 0 : (x === 0 ? 1 : Math.sin(x) / x) * cutoff * window;
  }
  return taps;
}

function makeFilter(inRate: number): Filter {
  const divisor = gcd(inRate, OUT_RATE);
  const outStep = OUT_RATE / divisor;
  const cutoff = Math.min(1, OUT_RATE / inRate);
  const reach = Math.ceil(LOBES / cutoff);
  const taps = Array.from({ length: outStep }, (_, phase) => tapsAt(phase / outStep, cutoff, reach));
  return { reach, inStep: inRate / divisor, outStep, taps };
}

/** Made once a rate (11,025 Hz: 640 filters, 4 ms); the protocol knows nine rates. */
const filters = new Map<number, Filter>();

export class Resampler {
  /** Input frames on each side that one output sample depends on. */
  readonly reach: number;
  readonly #inStep: number;
  readonly #outStep: number;
  readonly #taps: readonly Float64Array[];
  #history = new Float32Array(0);
  /** Absolute input frame of #history[0]. */
  #historyStart: number;
  #nextOut: number;

  /** @param startFrame absolute input frame given first. @param startSample absolute 16 kHz sample wanted first. */
  constructor(inRate: number, startFrame: number, startSample: number) {
    const filter = filters.get(inRate) ?? makeFilter(inRate);
    filters.set(inRate, filter);
    this.reach = filter.reach;
    this.#inStep = filter.inStep;
    this.#outStep = filter.outStep;
    this.#taps = filter.taps;
    this.#historyStart = startFrame;
    this.#nextOut = startSample;
  }

  /** Takes input samples in [-1, 1); gives all output samples that are certain by now. */
  push(input: Float32Array): Float32Array {
    const joined = new Float32Array(this.#history.length + input.length);
    joined.set(this.#history);
    joined.set(input, this.#history.length);
    const endFrame = this.#historyStart + joined.length;
    const output = new Float32Array(Math.max(0, this.#certain(endFrame) - this.#nextOut));
    for (let i = 0; i < output.length; i += 1) output[i] = this.#sample(joined, this.#nextOut + i);
    this.#nextOut += output.length;
    const keepFrom = Math.max(this.#historyStart, this.#frameOf(this.#nextOut) - this.reach + 1);
    this.#history = joined.slice(Math.min(joined.length, keepFrom - this.#historyStart));
    this.#historyStart = Math.min(endFrame, keepFrom);
    return output;
  }

  /** The rest, as if silence followed the end at absolute input frame `endFrame`. */
  flush(): Float32Array {
    const endFrame = this.#historyStart + this.#history.length;
    const total = Math.ceil((endFrame * this.#outStep) / this.#inStep);
    const rest = this.push(new Float32Array(2 * this.reach));
    const wanted = Math.max(0, total - (this.#nextOut - rest.length));
    return rest.subarray(0, wanted);
  }

  #frameOf(sample: number): number {
    return Math.floor((sample * this.#inStep) / this.#outStep);
  }

  /** Number of output samples whose whole reach lies before `endFrame`. */
  #certain(endFrame: number): number {
    return Math.max(0, Math.ceil(((endFrame - this.reach) * this.#outStep) / this.#inStep));
  }

  #sample(frames: Float32Array, sample: number): number {
    const taps = this.#taps[(sample * this.#inStep) % this.#outStep] ?? new Float64Array(0);
    const first = this.#frameOf(sample) - this.reach + 1 - this.#historyStart;
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) sum += (frames[first + i] ?? 0) * (taps[i] ?? 0);
    return sum;
  }
}
