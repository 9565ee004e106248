/** A header for raw samples, so that a decoder of files knows what they are. */
import type { RawEncoding } from './parameters.ts';

/** Format tags of RIFF WAVE (RFC 2361, appendix A). */
const FORMATS: Readonly<Record<RawEncoding, { readonly tag: number; readonly bits: number }>> = {
  linear16: { tag: 1, bits: 16 },
  linear32: { tag: 3, bits: 32 },
  alaw: { tag: 6, bits: 8 },
  mulaw: { tag: 7, bits: 8 },
};

/** How much follows is not known: a decoder reads to the end. */
const UNKNOWN_BYTES = 0xffff_ffff;

export function wavHeader(encoding: RawEncoding, sampleRate: number, channels: number): Buffer {
  const { tag, bits } = FORMATS[encoding];
  const frameBytes = (channels * bits) / 8;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(UNKNOWN_BYTES, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(tag, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * frameBytes, 28);
  header.writeUInt16LE(frameBytes, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(UNKNOWN_BYTES, 40);
  return header;
}
