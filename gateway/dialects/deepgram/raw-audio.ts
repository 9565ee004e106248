/** Raw samples of a Deepgram client on their way to its sessions. */
import type { AudioPath } from './audio-path.ts';
import type { LiveAudio } from './live-request.ts';
import type { RawEncoding } from './parameters.ts';

/** @param give a session's audio; without `multichannel` all of it is session 0's */
type Give = (session: number, audio: Buffer) => void;

const SAMPLE_BYTES: Readonly<Record<RawEncoding, number>> = { linear16: 2, linear32: 4, mulaw: 1, alaw: 1 };

export function rawPath(encoding: RawEncoding, { channels, multichannel }: LiveAudio, give: Give): AudioPath {
  const convert = encoding === 'linear32' ? toLinear16 : (audio: Buffer) => audio;
  if (!multichannel && encoding !== 'linear32')
    return { take: (bytes) => give(0, bytes), end: () => Promise.resolve() };
  const sampleBytes = SAMPLE_BYTES[encoding];
  const frames = new Frames(sampleBytes * channels);
  return {
    take: (bytes) => {
      const whole = frames.push(bytes);
      if (whole.length === 0) return;
      if (!multichannel) give(0, convert(whole));
      else
        for (let channel = 0; channel < channels; channel += 1)
          give(channel, convert(pick(whole, channel, channels, sampleBytes)));
    },
    end: () => Promise.resolve(),
  };
}

/** Cuts a stream into whole frames: one sample of each channel. */
class Frames {
  readonly #frameBytes: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
  }

  push(bytes: Buffer): Buffer {
    const joined = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = joined.length - (joined.length % this.#frameBytes);
    this.#rest = Buffer.from(joined.subarray(whole));
    return joined.subarray(0, whole);
  }
}

/** The samples of one channel out of interleaved frames. */
export function pick(frames: Buffer, channel: number, channels: number, sampleBytes: number): Buffer {
  const frameBytes = sampleBytes * channels;
  const picked = Buffer.allocUnsafe(frames.length / channels);
  for (let from = channel * sampleBytes, to = 0; from < frames.length; from += frameBytes, to += sampleBytes) {
    frames.copy(picked, to, from, from + sampleBytes);
  }
  return picked;
}

/** 32-bit little-endian floats of -1 to 1; what is louder is cut, what is no number is silence. */
function toLinear16(audio: Buffer): Buffer {
  const samples = Buffer.allocUnsafe(audio.length / 2);
  for (let i = 0; i < audio.length; i += 4) {
    const value = audio.readFloatLE(i);
    const level = Number.isNaN(value) ? 0 : Math.round(value * 32_768);
    samples.writeInt16LE(Math.max(-32_768, Math.min(32_767, level)), i / 2);
  }
  return samples;
}
