/**
 * From a client's encoding to the audio log's (16 kHz mono s16le), and the arithmetic between the two: all client-facing
 * byte counts are in the client's encoding.
 */
import alawmulaw from 'alawmulaw';
import { LOG_SAMPLE_RATE } from '../../workflows/contract.ts';
import type { AudioFormat } from '../../workflows/contract.ts';
import { Resampler } from './resampler.ts';

const NOTHING = Buffer.alloc(0);

export interface AudioCodec {
  /** Client byte at which this codec was started: the client sends from there. */
  readonly startClientByte: number;
  /** Takes the client's next bytes, cut anywhere; gives the log's next bytes, an even number. */
  push(bytes: Buffer): Buffer;
  /** What remains at the end of the audio; an incomplete last sample is dropped. */
  flush(): Buffer;
  /** The client byte from which audio must be sent again when the log holds everything before `logByte`. */
  clientByte(logByte: number): number;
}

/** A codec that continues a log which holds `logByte` bytes. */
export function openCodec(format: AudioFormat, logByte: number): AudioCodec {
  const plain = format.encoding === 's16le' && format.sampleRate === LOG_SAMPLE_RATE && format.channels === 1;
  return plain ? new PlainCodec(logByte) : new ConvertingCodec(format, logByte);
}

/** Joins what was left of the last chunk and cuts to whole units. */
class Aligner {
  readonly #unit: number;
  #rest: Buffer = NOTHING;

  constructor(unit: number) {
    this.#unit = unit;
  }

  push(bytes: Buffer): Buffer {
    const joined = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = joined.length - (joined.length % this.#unit);
    this.#rest = whole === joined.length ? NOTHING : Buffer.from(joined.subarray(whole));
    return joined.subarray(0, whole);
  }
}

/** The log's own format: bytes pass through, whole samples at a time. */
class PlainCodec implements AudioCodec {
  readonly startClientByte: number;
  readonly #aligner = new Aligner(2);

  constructor(logByte: number) {
    this.startClientByte = logByte;
  }

  push(bytes: Buffer): Buffer {
    return this.#aligner.push(bytes);
  }

  flush(): Buffer {
    return NOTHING;
  }

  clientByte(logByte: number): number {
    return logByte;
  }
}

const BYTES_PER_SAMPLE = { s16le: 2, mulaw: 1, alaw: 1 } as const;

function decodeSamples(encoding: AudioFormat['encoding'], bytes: Buffer): Int16Array {
  switch (encoding) {
    case 's16le': {
      const samples = new Int16Array(bytes.length / 2);
      for (let i = 0; i < samples.length; i += 1) samples[i] = bytes.readInt16LE(2 * i);
      return samples;
    }
    case 'mulaw':
      return alawmulaw.mulaw.decode(bytes);
    case 'alaw':
      return alawmulaw.alaw.decode(bytes);
    default:
      return encoding satisfies never;
  }
}

function encodeSamples(samples: Float32Array): Buffer {
  const bytes = Buffer.allocUnsafe(samples.length * 2);
  samples.forEach((sample, i) => {
    bytes.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_768))), 2 * i);
  });
  return bytes;
}

/** Channels are mixed by their mean. */
function mix(samples: Int16Array, channels: number): Float32Array {
  const frames = new Float32Array(samples.length / channels);
  for (let i = 0; i < frames.length; i += 1) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel += 1) sum += samples[i * channels + channel] ?? 0;
    frames[i] = sum / channels / 32_768;
  }
  return frames;
}

/**
 * The most audio, in the client's bytes, that a log sealed at `logByte` can come of: an incomplete last sample included,
 * which is acknowledged and dropped. A client that comes back must not be told less than it was acknowledged.
 */
export function endClientByte({ encoding, sampleRate, channels }: AudioFormat, logByte: number): number {
  const frameBytes = BYTES_PER_SAMPLE[encoding] * channels;
  return Math.floor(((logByte / 2) * sampleRate) / LOG_SAMPLE_RATE) * frameBytes + frameBytes - 1;
}

class ConvertingCodec implements AudioCodec {
  readonly startClientByte: number;
  readonly #format: AudioFormat;
  readonly #frameBytes: number;
  readonly #aligner: Aligner;
  readonly #resampler: Resampler | null;
  readonly #reach: number;

  constructor(format: AudioFormat, logByte: number) {
    const { sampleRate, channels, encoding } = format;
    this.#format = format;
    this.#frameBytes = BYTES_PER_SAMPLE[encoding] * channels;
    this.#aligner = new Aligner(this.#frameBytes);
    this.#reach = sampleRate === LOG_SAMPLE_RATE ? 0 : new Resampler(sampleRate, 0, 0).reach;
    this.startClientByte = this.clientByte(logByte);
    this.#resampler =
      this.#reach === 0 ? null : new Resampler(sampleRate, this.startClientByte / this.#frameBytes, logByte / 2);
  }

  push(bytes: Buffer): Buffer {
    const { encoding, channels } = this.#format;
    const frames = mix(decodeSamples(encoding, this.#aligner.push(bytes)), channels);
    return encodeSamples(this.#resampler?.push(frames) ?? frames);
  }

  flush(): Buffer {
    return this.#resampler === null ? NOTHING : encodeSamples(this.#resampler.flush());
  }

  clientByte(logByte: number): number {
    const frame = Math.floor(((logByte / 2) * this.#format.sampleRate) / LOG_SAMPLE_RATE);
    const needed = this.#reach === 0 ? frame : frame - this.#reach + 1;
    return Math.max(0, needed) * this.#frameBytes;
  }
}
