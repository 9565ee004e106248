/** In the browser's audio thread: the microphone as 16 kHz mono s16le, in pieces of 50 ms, with its loudness. */
import { Resampler, toS16le } from './resampler.js';

const PIECE_SAMPLES = 800;

class Recorder extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate);
  #piece = new Float32Array(PIECE_SAMPLES);
  #filled = 0;
  #isOver = false;

  constructor() {
    super();
    this.port.onmessage = () => this.#end();
  }

  /** @override @param {Float32Array[][]} inputs */
  process([channels]) {
    if (this.#isOver) return false;
    if (channels !== undefined && channels.length > 0) this.#take(this.#resampler.push(mono(channels)));
    return true;
  }

  #end() {
    this.#isOver = true;
    this.#take(this.#resampler.flush());
    if (this.#filled > 0) this.#post(this.#piece.subarray(0, this.#filled));
    this.port.postMessage({ type: 'end' });
  }

  /** @param {Float32Array} samples */
  #take(samples) {
    for (const sample of samples) {
      this.#piece[this.#filled++] = sample;
      if (this.#filled < PIECE_SAMPLES) continue;
      this.#post(this.#piece);
      this.#filled = 0;
    }
  }

  /** @param {Float32Array} samples */
  #post(samples) {
    const audio = toS16le(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    this.port.postMessage({ type: 'audio', audio, peak }, [audio.buffer]);
  }
}

/** @param {readonly Float32Array[]} channels */
function mono(channels) {
  const [first] = channels;
  if (first === undefined || channels.length === 1) return first ?? new Float32Array(0);
  return first.map((_, i) => channels.reduce((sum, channel) => sum + (channel[i] ?? 0), 0) / channels.length);
}

registerProcessor('recorder', Recorder);
