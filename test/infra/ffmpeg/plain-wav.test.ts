import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDecoder } from '../../../infra/ffmpeg/decoder.ts';
import type { Decoder } from '../../../infra/ffmpeg/decoder.ts';
import { plainSamples } from '../../../infra/ffmpeg/plain-wav.ts';
import { noise } from '../../harness/caller.ts';
import { wav } from '../../harness/files.ts';

const MAX_MS = 2000;
let decoder: Decoder;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-plain-'));
  decoder = await createDecoder({ ffmpeg: 'wasm', searchPath: '', maxMs: MAX_MS, stallMs: 20_000, limitMs: 20_000 });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const samples = noise('plain', 700);
const plain = Buffer.from(wav(samples));

async function written(bytes: Buffer): Promise<string> {
  const path = join(folder, 'file.wav');
  await writeFile(path, bytes);
  return path;
}

async function lookAt(bytes: Buffer) {
  const file = await open(await written(bytes));
  try {
    return await plainSamples(file);
  } finally {
    await file.close();
  }
}

const decoded = async (bytes: Buffer): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(decoder.decodeAudio(await written(bytes))));

/** The same file with a field of its header changed. */
function changed(at: number, value: number, bytes: 2 | 4): Buffer {
  const copy = Buffer.from(plain);
  copy.writeUIntLE(value, at, bytes);
  return copy;
}

function withChunk(id: string, body: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(body.length, 4);
  return Buffer.concat([plain.subarray(0, 36), head, body, Buffer.alloc(body.length % 2), plain.subarray(36)]);
}

test('samples in the format of the audio log come out as they are', async () => {
  expect(await lookAt(plain)).toEqual({ from: 44, bytes: samples.byteLength });
  expect((await decoded(plain)).equals(samples)).toBe(true);
  expect(await decoder.probe(await written(plain))).toEqual({ ok: true });
});

test('chunks before and after the samples are passed over', async () => {
  expect((await decoded(withChunk('LIST', Buffer.alloc(31, 7)))).equals(samples)).toBe(true);
  expect((await decoded(Buffer.concat([plain, Buffer.from('id3 \x04\0\0\0abcd', 'latin1')]))).equals(samples)).toBe(
    true,
  );
});

test('a file that is longer than is taken is refused before it is read', async () => {
  const long = Buffer.from(wav(noise('long', MAX_MS + 1)));
  expect(await decoder.probe(await written(long))).toMatchObject({ ok: false, reason: 'too_long' });
  await expect(decoded(long)).rejects.toMatchObject({ reason: 'too_long' });
  expect(await decoded(Buffer.from(wav(noise('longest', MAX_MS))))).toHaveLength(MAX_MS * 32);
});

test.each([
  ['8 kHz', changed(24, 8000, 4)],
  ['two channels', changed(22, 2, 2)],
  ['8 bits', changed(34, 8, 2)],
  ['another encoding', changed(20, 7, 2)],
  ['a length that is not known', changed(40, 0xffff_ffff, 4)],
  ['no length', changed(40, 0, 4)],
  ['a length that is more than there is', changed(40, samples.byteLength + 2, 4)],
  ['half a sample', changed(40, samples.byteLength - 1, 4)],
  ['no samples', plain.subarray(0, 40)],
  ['not a WAV file', Buffer.concat([Buffer.from('OggS'), plain.subarray(4)])],
  ['a header that has no end', withChunk('junk', Buffer.alloc(5000))],
  ['nothing', Buffer.alloc(0)],
])('%s: for a decoder', async (_, bytes) => {
  expect(await lookAt(bytes)).toBeNull();
});

test('a read that is told to end ends', async () => {
  const reading = decoder.decodeAudio(await written(plain), AbortSignal.abort(new Error('enough')));
  await expect(reading.next()).rejects.toThrow('enough');
});
