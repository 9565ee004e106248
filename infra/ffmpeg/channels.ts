/** The channels of a WAV file that is still being written, each for itself. */
import { AudioRefused, tooLong, unsupported } from './refusal.ts';
import type { FfmpegEnd } from './refusal.ts';

/** Bytes of one sample of one channel, and of a millisecond of them at 16 kHz. */
const SAMPLE_BYTES = 2;
const BYTES_PER_MS = 32;
/** The chunks before the samples are shorter than this. */
const LONGEST_HEAD = 4096;
const RIFF_HEAD = 12;
const CHUNK_HEAD = 8;

/**
 * Takes apart what ffmpeg writes (16 kHz, 16 bits). Throws {@link AudioRefused} where there are more channels than are taken, or more
 * audio. Answers how ffmpeg ended, the samples of one channel counted.
 */
export async function* apart(
  wav: AsyncGenerator<Buffer, FfmpegEnd>,
  maxChannels: number,
  maxMs: number,
): AsyncGenerator<readonly Buffer[], FfmpegEnd> {
  let head: WavHead | null = null;
  let rest: Buffer = Buffer.alloc(0);
  let bytes = 0;
  try {
    for (;;) {
      const step = await wav.next();
      if (step.done === true) return { ...step.value, pcmBytes: bytes };
      rest = rest.length === 0 ? step.value : Buffer.concat([rest, step.value]);
      if (head === null) {
        head = headOf(rest);
        if (head === null) continue;
        if (head.channels > maxChannels) throw new AudioRefused(tooMany(head.channels, maxChannels));
        rest = rest.subarray(head.bytes);
      }
      const whole = rest.length - (rest.length % (head.channels * SAMPLE_BYTES));
      if (whole === 0) continue;
      bytes += whole / head.channels;
      if (bytes > maxMs * BYTES_PER_MS) throw new AudioRefused(tooLong(maxMs));
      yield split(rest.subarray(0, whole), head.channels);
      rest = rest.subarray(whole);
    }
  } finally {
    await wav.return(undefined as never);
  }
}

interface WavHead {
  readonly channels: number;
  /** Where the samples begin. */
  readonly bytes: number;
}

/** Null while it is not all there. http://soundfile.sapp.org/doc/WaveFormat: chunks of an id, a length and an even number of bytes. */
function headOf(bytes: Buffer): WavHead | null {
  let channels = 0;
  for (let at = RIFF_HEAD; at + CHUNK_HEAD <= bytes.length;) {
    const id = bytes.toString('latin1', at, at + 4);
    if (id === 'data') return { channels, bytes: at + CHUNK_HEAD };
    const length = bytes.readUInt32LE(at + 4);
    if (id === 'fmt ' && at + CHUNK_HEAD + 4 <= bytes.length) channels = bytes.readUInt16LE(at + CHUNK_HEAD + 2);
    at += CHUNK_HEAD + length + (length % 2);
  }
  if (bytes.length > LONGEST_HEAD) throw new Error('the decoder wrote no WAV header');
  return null;
}

const tooMany = (channels: number, maxChannels: number) =>
  unsupported(`the file has ${channels} channels: at most ${maxChannels} are transcribed apart`);

function split(interleaved: Buffer, channels: number): Buffer[] {
  if (channels === 1) return [interleaved];
  const frames = interleaved.length / SAMPLE_BYTES / channels;
  return Array.from({ length: channels }, (_, channel) => {
    const samples = Buffer.allocUnsafe(frames * SAMPLE_BYTES);
    for (let frame = 0; frame < frames; frame += 1) {
      const at = (frame * channels + channel) * SAMPLE_BYTES;
      samples[frame * 2] = interleaved[at] as number;
      samples[frame * 2 + 1] = interleaved[at + 1] as number;
    }
    return samples;
  });
}
