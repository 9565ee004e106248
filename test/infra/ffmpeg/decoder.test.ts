import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFfmpeg } from '../../../infra/ffmpeg/command.ts';
import { createDecoder } from '../../../infra/ffmpeg/decoder.ts';
import type { Decoder, DecoderOptions } from '../../../infra/ffmpeg/decoder.ts';
import { encode } from '../../harness/encode.ts';
import { nativeFfmpeg } from '../../harness/native-ffmpeg.ts';
import { zipOf } from '../assets/made-wheel.ts';
import { expectSound } from '../../harness/expect-sound.ts';
import { sound, SOUND_MS, wav } from '../../harness/sound.ts';

const OPTIONS: DecoderOptions = {
  ffmpeg: 'wasm',
  searchPath: '',
  maxMs: 60_000,
  stallMs: 20_000,
  limitMs: 60_000,
};

const ENCODINGS = [
  { name: '8k.wav', options: ['-ar', '8000'] },
  { name: '48k-stereo.wav', options: ['-ar', '48000', '-ac', '2'] },
  { name: '24bit.wav', options: ['-c:a', 'pcm_s24le'] },
  { name: 'float.wav', options: ['-c:a', 'pcm_f32le'] },
  { name: 'mulaw.wav', options: ['-ar', '8000', '-c:a', 'pcm_mulaw'] },
  { name: 'alaw.wav', options: ['-ar', '8000', '-c:a', 'pcm_alaw'] },
  { name: 'mulaw.au', options: ['-ar', '8000', '-c:a', 'pcm_mulaw'] },
  { name: 'speech.mp3', options: ['-b:a', '64k'] },
  { name: 'speech.flac', options: [] },
  { name: 'opus.webm', options: ['-c:a', 'libopus'] },
  { name: 'opus.ogg', options: ['-c:a', 'libopus'] },
  { name: 'moov-at-the-end.m4a', options: ['-c:a', 'aac'] },
  { name: 'with-video.mp4', options: ['-f', 'lavfi', '-i', 'color=size=32x32:rate=5', '-shortest', '-c:v', 'mpeg4'] },
  {
    name: 'no-audio.mp4',
    options: ['-f', 'lavfi', '-i', 'color=size=32x32:rate=5:duration=1', '-map', '1:v', '-c:v', 'mpeg4'],
  },
  {
    name: 'photo.jpg',
    options: ['-f', 'lavfi', '-i', 'color=size=32x32', '-map', '1:v', '-frames:v', '1', '-update', '1'],
  },
];
const SOUNDLESS: readonly string[] = ['no-audio.mp4', 'photo.jpg'];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-decoder-'));
  await writeFile(join(folder, 'plain.wav'), wav(sound()));
  await encode(folder, 'plain.wav', ENCODINGS);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, bytes: Buffer | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

const decoded = async (decoder: Decoder, path: string): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(decoder.decodeAudio(path)));

const native = await nativeFfmpeg('decoding with a native ffmpeg');
const kinds: [string, typeof describe][] = [
  ['wasm', describe],
  [native ?? 'native', native === null ? describe.skip : describe],
];

for (const [ffmpeg, suite] of kinds) {
  suite(`decoding with ffmpeg (${ffmpeg === 'wasm' ? 'wasm' : 'native'}):`, () => {
    let decoder: Decoder;
    beforeAll(async () => {
      decoder = await createDecoder({ ...OPTIONS, ffmpeg });
    });

    test.each(['plain.wav', ...ENCODINGS.map(({ name }) => name).filter((name) => !SOUNDLESS.includes(name))])(
      '%s comes out as 16 kHz mono',
      async (name) => {
        const path = join(folder, name);
        expect(await decoder.probe(path)).toEqual({ ok: true });
        expectSound(await decoded(decoder, path));
      },
      20_000,
    );

    test.each([
      ['0', 0],
      ['0xFFFFFFFF', 0xffffffff],
      ['a negative number', 0x80000000],
      ['more than the file', 0x7fffff00],
      ['a little more than the file', SOUND_MS * 32 + 2],
    ])('a WAV header that claims %s gives the bytes that are there', async (_, dataBytes) => {
      const path = await file(`lies-${dataBytes}.wav`, wav(sound(), { dataBytes }));
      expect(await decoder.probe(path)).toEqual({ ok: true });
      expectSound(await decoded(decoder, path));
    });

    test('a file cut off in the middle gives what is there', async () => {
      const mp3 = await readFile(join(folder, 'speech.mp3'));
      const path = await file('half.mp3', mp3.subarray(0, mp3.byteLength / 2));
      expect(Math.abs((await decoded(decoder, path)).byteLength / 32 - SOUND_MS / 2)).toBeLessThan(200);
    });

    test('the extension of a file means nothing', async () => {
      const path = join(folder, 'mp3-named.wav');
      await copyFile(join(folder, 'speech.mp3'), path);
      expectSound(await decoded(decoder, path));
    });

    const refusals: [string, () => Promise<string>, string][] = [
      ['an empty file', () => file('empty.wav', ''), 'empty_audio'],
      ['a WAV header and nothing', () => file('header.wav', wav(Buffer.alloc(0))), 'empty_audio'],
      ['one byte', () => file('one.wav', 'R'), 'unsupported_audio'],
      ['text', () => file('text.mp3', 'To whom it may concern, this is no audio.\n'.repeat(50)), 'unsupported_audio'],
      [
        'a ZIP',
        () => file('zip.mp3', Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(5000)])),
        'unsupported_audio',
      ],
      [
        'a ZIP that holds a WAV as it is',
        () => file('zip.wav', zipOf({ 'talk.wav.stored': wav(sound()) })),
        'unsupported_audio',
      ],
      [
        'a photo named .mp3',
        async () => file('photo.mp3', await readFile(join(folder, 'photo.jpg'))),
        'unsupported_audio',
      ],
      [
        'a drawing that names a file',
        () => file('svg.wav', '<svg xmlns:x="http://www.w3.org/1999/xlink"><image x:href="file:///etc/passwd"/></svg>'),
        'unsupported_audio',
      ],
      ['a picture', () => file('picture.mp3', PNG), 'unsupported_audio'],
      ['a film without sound', () => Promise.resolve(join(folder, 'no-audio.mp4')), 'unsupported_audio'],
      ['4 GHz', () => file('4ghz.wav', wav(sound(), { sampleRate: 4_000_000_000 })), 'unsupported_audio'],
      ['0 Hz', () => file('0hz.wav', wav(sound(), { sampleRate: 0 })), 'unsupported_audio'],
      ['255 channels', () => file('255.wav', wav(sound(), { channels: 255 })), 'unsupported_audio'],
    ];
    test.each(refusals)('%s is refused, in words without a path', async (_, make, reason) => {
      const path = await make();
      const verdict = await decoder.probe(path);
      expect(verdict).toMatchObject({ ok: false, reason });
      expect(JSON.stringify(verdict)).not.toContain(folder);
      await expect(decoded(decoder, path)).rejects.toMatchObject({ name: 'AudioRefused', reason });
    });

    test('a WAV that claims samples of 3 bits is refused', async () => {
      expect(await decoder.probe(await file('3bit.wav', wav(sound(), { bits: 3 })))).toEqual({
        ok: false,
        reason: 'unsupported_audio',
        detail: 'the file claims samples of 3 bits: 8 to 64 are taken',
      });
    });

    test('random bytes named .wav are refused, whatever they look like', async () => {
      for (const seed of [1, 2, 3]) {
        const path = await file('random.wav', noise(seed, 200_000));
        expect(await decoder.probe(path)).toMatchObject({ ok: false, reason: 'unsupported_audio' });
      }
    }, 20_000);

    const secret = 'plain.wav';
    const playlists: [string, string][] = [
      ['m3u8', `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://FOLDER/${secret}\n#EXT-X-ENDLIST\n`],
      ['m3u8 with a name', `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${secret}\n#EXT-X-ENDLIST\n`],
      ['concat', `ffconcat version 1.0\nfile ${secret}\n`],
      ['sdp', 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n'],
      [
        'mpd',
        `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>${secret}</BaseURL></Representation></AdaptationSet></Period></MPD>`,
      ],
    ];
    test.each(playlists)('a playlist (%s) that names another file is refused', async (_, content) => {
      const path = await file('list.wav', content.replace('FOLDER', folder));
      expect(await decoder.probe(path)).toMatchObject({ ok: false, reason: 'unsupported_audio' });
      await expect(decoded(decoder, path)).rejects.toMatchObject({ reason: 'unsupported_audio' });
    });

    test.each([
      ['m3u8', (url: string) => `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${url}\n#EXT-X-ENDLIST\n`],
      ['concat', (url: string) => `ffconcat version 1.0\nfile ${url}\n`],
    ])('a playlist (%s) that names an address is refused, and nobody is asked there', async (_, content) => {
      let asked = 0;
      const server = createServer((_request, response) => {
        asked += 1;
        response.end(wav(sound()));
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const path = await file('list.wav', content(`http://127.0.0.1:${port}/latest/meta-data.wav`));
      expect(await decoder.probe(path)).toMatchObject({ ok: false, reason: 'unsupported_audio' });
      await expect(decoded(decoder, path)).rejects.toMatchObject({ reason: 'unsupported_audio' });
      server.close();
      expect(asked).toBe(0);
    });

    test('audio that is too long is refused by its header at once, and by its samples where the header lies', async () => {
      const short = await createDecoder({ ...OPTIONS, ffmpeg, maxMs: SOUND_MS - 1 });
      const exact = await createDecoder({ ...OPTIONS, ffmpeg, maxMs: SOUND_MS });
      const refused = { reason: 'too_long', detail: 'the audio is longer than 3999 ms, the longest that is taken' };
      expect(await short.probe(join(folder, 'plain.wav'))).toMatchObject(refused);
      await expect(decoded(short, join(folder, 'plain.wav'))).rejects.toMatchObject(refused);
      const lying = await file('lies.wav', wav(sound(), { dataBytes: 0xffffffff }));
      await expect(decoded(short, lying)).rejects.toMatchObject(refused);
      expect(await exact.probe(join(folder, 'plain.wav'))).toEqual({ ok: true });
      expectSound(await decoded(exact, join(folder, 'plain.wav')));
    });

    const channelsOf = (which: Decoder, path: string): Promise<(readonly Buffer[])[]> =>
      Array.fromAsync(which.decodeChannels(path, 8));
    const joined = (pieces: readonly (readonly Buffer[])[], channel: number): Buffer =>
      Buffer.concat(pieces.map((piece) => piece[channel] ?? Buffer.alloc(0)));

    test('the channels of a file come out each for itself, sample for sample as alone', async () => {
      const [left, right] = [sound(), Buffer.from(sound()).reverse()];
      const both = Buffer.alloc(left.length * 2);
      for (let at = 0; at < left.length; at += 2) {
        both.writeInt16LE(left.readInt16LE(at), at * 2);
        both.writeInt16LE(right.readInt16LE(at), at * 2 + 2);
      }
      const pieces = await channelsOf(decoder, await file('stereo.wav', wav(both, { channels: 2 })));
      expect(joined(pieces, 0).equals(left)).toBe(true);
      expect(joined(pieces, 1).equals(right)).toBe(true);
      for (const [a, b] of pieces) expect(a?.length).toBe(b?.length);
    });

    test.each(['48k-stereo.wav', 'mulaw.wav', 'alaw.wav', 'speech.mp3', 'opus.ogg'])(
      '%s has all its channels, each of the whole length',
      async (name) => {
        const pieces = await channelsOf(decoder, join(folder, name));
        const channels = name.includes('stereo') ? 2 : 1;
        expect(pieces[0]).toHaveLength(channels);
        for (let channel = 0; channel < channels; channel += 1) expectSound(joined(pieces, channel));
      },
      20_000,
    );

    test('more channels than are taken apart, no audio, no format, too much: refused by the same words', async () => {
      const nine = await file('nine.wav', wav(Buffer.alloc(9 * 3200), { channels: 9 }));
      await expect(channelsOf(decoder, nine)).rejects.toMatchObject({
        reason: 'unsupported_audio',
        detail: 'the file has 9 channels: at most 8 are transcribed apart',
      });
      const header = await file('no-samples.wav', wav(Buffer.alloc(0)));
      await expect(channelsOf(decoder, header)).rejects.toMatchObject({ reason: 'empty_audio' });
      const text = await file('letter.wav', 'To whom it may concern, this is no audio.\n'.repeat(50));
      await expect(channelsOf(decoder, text)).rejects.toMatchObject({ reason: 'unsupported_audio' });
      const short = await createDecoder({ ...OPTIONS, ffmpeg, maxMs: SOUND_MS - 1 });
      await expect(channelsOf(short, join(folder, 'plain.wav'))).rejects.toMatchObject({ reason: 'too_long' });
    });

    test('a file that is tiny and hours long is refused: at once where it says so, by its samples where it does not', async () => {
      await writeFile(join(folder, 'silence.wav'), wav(Buffer.alloc(32 * 300_000)));
      await encode(folder, 'silence.wav', [{ name: 'bomb.flac', options: [] }]);
      const bomb = await readFile(join(folder, 'bomb.flac'));
      // Five minutes of silence in a few kilobytes; longest is one.
      expect(bomb.length).toBeLessThan(100_000);
      const tooLong = { reason: 'too_long', detail: 'the audio is longer than 1 min, the longest that is taken' };
      await expect(decoded(decoder, join(folder, 'bomb.flac'))).rejects.toMatchObject(tooLong);
      // STREAMINFO holds the number of samples in 36 bits from byte 21 on; 0: unknown (RFC 9639, 8.2).
      bomb.fill(0, 22, 26);
      bomb.writeUInt8(bomb.readUInt8(21) & 0xf0, 21);
      const path = await file('silent-bomb.flac', bomb);
      await expect(decoded(decoder, path)).rejects.toMatchObject(tooLong);
      await expect(channelsOf(decoder, path)).rejects.toMatchObject(tooLong);
    }, 30_000);

    test.each([
      ['NaN and infinity among its samples', 3, 32],
      ['ADPCM without a block size', 2, 4],
    ])('a WAV with %s ends as samples or as a refusal, and hangs nothing', async (_what, format, bits) => {
      const odd = Buffer.from(wav(sound(), { bits }));
      odd.writeUInt16LE(format, 20);
      for (let at = 44; at + 4 <= 200; at += 8) odd.writeUInt32LE(at % 16 === 0 ? 0x7fc00000 : 0x7f800000, at);
      const ended = await decoded(decoder, await file(`odd-${format}.wav`, odd)).catch((error: unknown) => error);
      if (!(ended instanceof Buffer))
        expect(ended).toMatchObject({ name: 'AudioRefused', reason: 'unsupported_audio' });
    });

    test('an abort ends the decoder with its reason', async () => {
      const cancel = new AbortController();
      const long = wav(Buffer.concat(Array.from({ length: 12 }, sound)));
      // A length that is not known: what is plain needs no decoder.
      long.writeUInt32LE(0xffff_ffff, 40);
      const path = await file('long.wav', long);
      const pcm = decoder.decodeAudio(path, cancel.signal);
      await pcm.next();
      cancel.abort(new RangeError('enough'));
      await expect(Array.fromAsync(pcm)).rejects.toThrow('enough');
      await expect(decoder.probe(path, cancel.signal)).rejects.toThrow('enough');
    });

    test('a reader that stops early ends the decoder', async () => {
      for await (const chunk of decoder.decodeAudio(join(folder, '8k.wav'))) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        break;
      }
    });

    test('a decoder that is too slow is ended', async () => {
      const hurried = await createDecoder({ ...OPTIONS, ffmpeg, limitMs: 1 });
      await expect(hurried.probe(join(folder, '8k.wav'))).rejects.toThrow('works for too long and was ended');
      const impatient = await createDecoder({ ...OPTIONS, ffmpeg, stallMs: 1 });
      await expect(impatient.probe(join(folder, '8k.wav'))).rejects.toThrow('gives nothing any more and was ended');
    });
  });
}

(native === null ? test.skip : test)('the list of formats alone stops a playlist that works without it', async () => {
  const list = await file('concat.wav', 'ffconcat version 1.0\nfile plain.wav\n');
  const ffmpeg = await findFfmpeg(native ?? '', '');
  // By name, as an ffmpeg before 6.0 is given the file: then nothing else stands in the playlist's way.
  const named = ffmpeg
    .arguments(list, 10)
    .map((word) => (word === 'fd:' ? `file:${list}` : word === 'fd' ? 'file' : word));
  const at = named.indexOf('-format_whitelist');
  const open = named.filter((_, index) => index !== at && index !== at + 1);
  const run = (args: readonly string[]) =>
    promisify(execFile)(ffmpeg.program, args, { encoding: 'buffer', maxBuffer: 1 << 24 });
  expectSound((await run(open)).stdout);
  await expect(run(named)).rejects.toMatchObject({ stdout: Buffer.alloc(0) });
});

test.each(['wasm', native ?? 'wasm'])(
  'ffmpeg (%s) may open one file, by one protocol, of known formats',
  async (which) => {
    const args = (await findFfmpeg(which, '')).arguments('/some/input', 10);
    const options = args.slice(0, args.indexOf('-i'));
    expect(options[options.indexOf('-protocol_whitelist') + 1]).toMatch(/^(file|fd)$/);
    const formats = options[options.indexOf('-format_whitelist') + 1]?.split(',') ?? [];
    expect(formats).toEqual(expect.arrayContaining(['wav', 'mp3', 'matroska', 'mov', 'ogg', 'flac']));
    for (const opens of [
      'hls',
      'dash',
      'concat',
      'sdp',
      'rtsp',
      'image2',
      'lavfi',
      'imf',
      'tedcaptions',
      'applehttp',
    ]) {
      expect(formats).not.toContain(opens);
    }
  },
);

(native === null ? test.skip : test)('takes the ffmpeg on the search path before its own', async () => {
  await symlink(native ?? '', join(folder, 'ffmpeg'));
  expect(await createDecoder({ ...OPTIONS, ffmpeg: 'auto' })).toMatchObject({ kind: 'wasm' });
  const searchPath = `/nowhere::${folder}`;
  expect(await createDecoder({ ...OPTIONS, ffmpeg: 'auto', searchPath })).toMatchObject({ kind: 'native' });
});

test('an ffmpeg that is not there is said by name', async () => {
  await expect(createDecoder({ ...OPTIONS, ffmpeg: '/nowhere/ffmpeg' })).rejects.toMatchObject({
    name: 'DecoderFailed',
    message: 'ffmpeg does not run (/nowhere/ffmpeg)',
  });
});

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** Bytes of a linear congruential generator (Numerical Recipes), the same in every run. */
function noise(seed: number, length: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}
