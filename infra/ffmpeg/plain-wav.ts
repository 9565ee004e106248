/**
 * A WAV file (RIFF, https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html) whose samples are in the audio
 * log's own format already: they are read as they are, without a decoder's process. All that is not plainly so, a header
 * that does not fit its file too, is a decoder's to judge.
 */
import type { FileHandle } from 'node:fs/promises';

/** Chunks before the samples are no longer than this altogether. */
const MAX_HEAD_BYTES = 4096;
const READ_BYTES = 1 << 18;
/** Format chunk: PCM, one channel, 16 kHz, 32,000 bytes a second, 2 bytes a frame, 16 bits. */
const FORMAT = Buffer.from([1, 0, 1, 0, 0x80, 0x3e, 0, 0, 0, 0x7d, 0, 0, 2, 0, 16, 0]);

/** Where in the file the samples are, in bytes. */
export interface PlainSamples {
  readonly from: number;
  readonly bytes: number;
}

/** Null: the file is for a decoder. */
export async function plainSamples(file: FileHandle): Promise<PlainSamples | null> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_HEAD_BYTES), 0, MAX_HEAD_BYTES, 0);
  return plainSamplesBehind(buffer.subarray(0, bytesRead), size);
}

/**
 * As {@link plainSamples}.
 * @param start the beginning of the file, or all of it
 * @param size of the file, in bytes
 */
export function plainSamplesBehind(start: Buffer, size: number): PlainSamples | null {
  const head = start.subarray(0, MAX_HEAD_BYTES);
  if (head.toString('latin1', 0, 4) !== 'RIFF' || head.toString('latin1', 8, 12) !== 'WAVE') return null;
  let isOurs = false;
  for (let at = 12; at + 8 <= head.length;) {
    const id = head.toString('latin1', at, at + 4);
    const bytes = head.readUInt32LE(at + 4);
    const from = at + 8;
    if (id === 'data') return isOurs && bytes > 0 && bytes % 2 === 0 && from + bytes <= size ? { from, bytes } : null;
    if (id === 'fmt ') isOurs = bytes === FORMAT.length && head.subarray(from, from + bytes).equals(FORMAT);
    at = from + bytes + (bytes % 2);
  }
  return null;
}

/** The samples, piece by piece. @throws Error when the file has become shorter */
export async function* readSamples(
  file: FileHandle,
  { from, bytes }: PlainSamples,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void> {
  for (let done = 0; done < bytes;) {
    signal?.throwIfAborted();
    const piece = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - done));
    const { bytesRead } = await file.read(piece, 0, piece.length, from + done);
    if (bytesRead < piece.length) throw new Error('the file has become shorter while it was read');
    done += bytesRead;
    yield piece;
  }
}
