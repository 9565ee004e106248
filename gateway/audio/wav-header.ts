/** The head of a WAV stream (RIFF), as far as live audio needs it. Pure. */
import type { AudioFormat } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import { MAX_CHANNELS, SAMPLE_RATES } from '../protocol.ts';

/** Chunks before the samples are no longer than this altogether. */
const MAX_HEAD_BYTES = 65_536;

export type WavHead =
  | 'more'
  /** Samples that only a decoder knows. */
  | 'decoder'
  | {
      readonly audio: AudioFormat;
      readonly dataAt: number;
      /** Null: until the stream ends, for the header does not know. */
      readonly dataBytes: number | null;
    };

/** @throws Failure `unsupported_audio` for a header of samples that nobody records */
export function readWavHead(head: Buffer): WavHead {
  let audio: AudioFormat | null | undefined;
  for (let at = 12; ;) {
    if (at > MAX_HEAD_BYTES) return 'decoder';
    if (head.length < at + 8) return 'more';
    const id = head.toString('latin1', at, at + 4);
    const bytes = head.readUInt32LE(at + 4);
    if (id === 'data') return audio === undefined || audio === null ? 'decoder' : dataOf(audio, at + 8, bytes);
    if (id === 'fmt ') {
      if (bytes < 16) throw unsupported('its format chunk is cut off');
      if (bytes > MAX_HEAD_BYTES) return 'decoder';
      if (head.length < at + 8 + bytes) return 'more';
      audio = formatOf(head.subarray(at + 8, at + 8 + bytes));
    }
    at += 8 + bytes + (bytes % 2);
  }
}

/** Who writes a header before the samples writes 0, or the largest number there is, for a length that is not known yet. */
function dataOf(audio: AudioFormat, dataAt: number, bytes: number): WavHead {
  return { audio, dataAt, dataBytes: bytes === 0 || bytes >= 0x7fff_0000 ? null : bytes };
}

const PCM = 1;
const ALAW = 6;
const MULAW = 7;
const EXTENSIBLE = 0xfffe;
const LOWEST_RATE = 1000;
const HIGHEST_RATE = 768_000;
const MOST_CHANNELS = 64;

/** Null where only a decoder knows the samples. */
function formatOf(chunk: Buffer): AudioFormat | null {
  const tag =
    chunk.readUInt16LE(0) === EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : chunk.readUInt16LE(0);
  const channels = chunk.readUInt16LE(2);
  const sampleRate = chunk.readUInt32LE(4);
  const bits = chunk.readUInt16LE(14);
  if (sampleRate < LOWEST_RATE || sampleRate > HIGHEST_RATE) {
    throw unsupported(`it claims ${sampleRate} Hz: ${LOWEST_RATE} to ${HIGHEST_RATE} are taken`);
  }
  if (channels < 1 || channels > MOST_CHANNELS) {
    throw unsupported(`it claims ${channels} channels: 1 to ${MOST_CHANNELS} are taken`);
  }
  if (tag === PCM && (bits < 8 || bits > 64)) throw unsupported(`it claims samples of ${bits} bits: 8 to 64 are taken`);
  const encoding = encodingOf(tag, bits);
  const isPlain = channels <= MAX_CHANNELS && SAMPLE_RATES.some((rate) => rate === sampleRate);
  return encoding === null || !isPlain ? null : { encoding, sampleRate, channels };
}

function encodingOf(tag: number, bits: number): AudioFormat['encoding'] | null {
  if (tag === PCM && bits === 16) return 's16le';
  if (tag === MULAW && bits === 8) return 'mulaw';
  return tag === ALAW && bits === 8 ? 'alaw' : null;
}

const unsupported = (detail: string): Failure =>
  new Failure('unsupported_audio', `the WAV header is not one: ${detail}`);
