/** Live containers through the real ffmpeg: what comes out, when, and what becomes of what is no audio. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerAudio, DECODED } from '../../../gateway/audio/container.ts';
import type { ContainerOptions, StreamFormat } from '../../../gateway/audio/container.ts';
import type { Failure } from '../../../gateway/failures.ts';
import { findFfmpeg } from '../../../infra/ffmpeg/command.ts';
import { LiveDecoders } from '../../../infra/ffmpeg/live.ts';
import type { LiveDecoderOptions } from '../../../infra/ffmpeg/live.ts';
import { encode } from '../../harness/encode.ts';
import { expectSound } from '../../harness/expect-sound.ts';
import { nativeFfmpeg } from '../../harness/native-ffmpeg.ts';
import { sound, SOUND_MS, wav } from '../../harness/sound.ts';
import { until } from '../../harness/until.ts';

const native = await nativeFfmpeg('decoding live containers');
const describeWithFfmpeg = native === null ? describe.skip : describe;

const ENCODINGS = [
  { name: 'opus.webm', options: ['-c:a', 'libopus', '-cluster_time_limit', '200', '-live', '1'] },
  { name: 'opus.ogg', options: ['-c:a', 'libopus'] },
  { name: 'speech.mp3', options: ['-b:a', '64k'] },
  { name: 'speech.flac', options: [] },
  { name: 'speech.aac', options: ['-c:a', 'aac', '-f', 'adts'] },
  { name: '24bit.wav', options: ['-c:a', 'pcm_s24le'] },
  { name: 'float-44k-stereo.wav', options: ['-c:a', 'pcm_f32le', '-ar', '44100', '-ac', '2'] },
  { name: 'odd-rate.wav', options: ['-ar', '17000'] },
  { name: 'mulaw.wav', options: ['-ar', '8000', '-c:a', 'pcm_mulaw'] },
  { name: '48k-stereo.wav', options: ['-ar', '48000', '-ac', '2'] },
  { name: 'moov-at-the-end.m4a', options: ['-c:a', 'aac'] },
  { name: 's24be.raw', options: ['-f', 's24be', '-ar', '22050'] },
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-live-'));
  await writeFile(join(folder, 'plain.wav'), wav(sound()));
  await encode(folder, 'plain.wav', ENCODINGS);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

const listeners: Listener[] = [];
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.audio.close();
});

/** Who hears a stream. */
class Listener {
  readonly pieces: Buffer[] = [];
  readonly holds: boolean[] = [];
  taken = 0;
  readonly over: Promise<'ended' | Failure>;
  readonly audio: ContainerAudio;

  constructor(options: Partial<ContainerOptions> & Pick<ContainerOptions, 'decoders'>) {
    const { promise, resolve } = Promise.withResolvers<'ended' | Failure>();
    this.over = promise;
    this.audio = new ContainerAudio(
      { format: null, bare: null, ...options },
      {
        audio: (pcm) => void this.pieces.push(pcm),
        hold: (isFull) => void this.holds.push(isFull),
        ended: () => resolve('ended'),
        failed: resolve,
      },
    );
    listeners.push(this);
  }

  get pcm(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Sends as a client does that minds being held. */
  async send(bytes: Buffer, step = 3000): Promise<this> {
    for (let at = 0; at < bytes.length; at += step) {
      this.audio.accept(bytes.subarray(at, at + step));
      this.taken = at;
      await until(
        'there is room',
        () => this.holds.at(-1) ?? false,
        (held) => !held,
      );
    }
    return this;
  }

  async whole(bytes: Buffer, step?: number): Promise<'ended' | Failure> {
    await this.send(bytes, step);
    this.audio.end();
    return this.over;
  }
}

const decodersOf = (changes: Partial<LiveDecoderOptions> = {}, which = native ?? 'auto'): LiveDecoders =>
  new LiveDecoders({ find: () => findFfmpeg(which, ''), maxDecoders: 10, stallMs: 20_000, maxMs: 60_000, ...changes });

const nothing = decodersOf({ maxDecoders: 0 });

test.each([1, 7, 44, 5000])(
  'plain WAV needs no decoder, cut into pieces of %d bytes',
  async (step) => {
    const listener = new Listener({ decoders: nothing });
    expect(await listener.whole(wav(sound()), step)).toBe('ended');
    expect(listener.pcm.equals(sound())).toBe(true);
  },
  20_000,
);

test.each(['mulaw.wav', '48k-stereo.wav'])('%s needs none either', async (name) => {
  const listener = new Listener({ decoders: nothing });
  expect(await listener.whole(await readFile(join(folder, name)))).toBe('ended');
  expectSound(listener.pcm);
});

test.each([
  ['0', 0],
  ['0xFFFFFFFF', 0xffff_ffff],
  ['a negative number', 0x8000_0000],
  ['more than there is', 10_000_000],
])('a WAV header that claims %s gives the bytes that come', async (_, dataBytes) => {
  const listener = new Listener({ decoders: nothing });
  expect(await listener.whole(wav(sound(), { dataBytes }))).toBe('ended');
  expect(listener.pcm.equals(sound())).toBe(true);
});

test('what follows the samples of a WAV stream is no audio', async () => {
  const listener = new Listener({ decoders: nothing });
  await listener.whole(Buffer.concat([wav(sound()), Buffer.from('LIST\x10\0\0\0'), randomBytes(400)]));
  expect(listener.pcm.equals(sound())).toBe(true);
});

test.each([
  ['4 GHz', { sampleRate: 4_000_000_000 }],
  ['0 Hz', { sampleRate: 0 }],
  ['255 channels', { channels: 255 }],
  ['3 bits', { bits: 3 }],
])('a WAV header that claims %s is refused at once', async (_, claims) => {
  const listener = new Listener({ decoders: nothing });
  expect(await listener.whole(wav(sound(), claims))).toMatchObject({ type: 'unsupported_audio' });
  expect(listener.pieces).toEqual([]);
});

test.each([0, 1, 3])('%d bytes are a stream without audio', async (bytes) => {
  for (const bare of [null, DECODED]) {
    const listener = new Listener({ decoders: nothing, bare });
    expect(await listener.whole(Buffer.alloc(bytes))).toBe('ended');
    expect(listener.pcm.length).toBe(bytes === 3 && bare !== null ? 2 : 0);
  }
});

test('a stream that does not say what it is, is what its reader takes bare streams for', async () => {
  const listener = new Listener({ decoders: nothing, bare: DECODED });
  expect(await listener.whole(sound())).toBe('ended');
  expect(listener.pcm.equals(sound())).toBe(true);
});

test('a decoder more than are allowed is refused, and one is free again when another has ended', async () => {
  const ogg = await readFile(join(folder, 'opus.ogg'));
  const decoders = decodersOf({ maxDecoders: 1 });
  const first = await new Listener({ decoders }).send(ogg.subarray(0, 100));
  const second = await new Listener({ decoders }).send(ogg.subarray(0, 100));
  expect(await second.over).toMatchObject({ type: 'decoder_limit', row: { retryable: true } });
  first.audio.close();
  expect(decoders.size).toBe(0);
});

test('without a native ffmpeg a container is refused, and told what would help', async () => {
  for (const which of ['wasm', '/nowhere/ffmpeg']) {
    const listener = new Listener({ decoders: decodersOf({}, which) });
    expect(await listener.whole(await readFile(join(folder, 'opus.ogg')))).toMatchObject({
      type: 'unsupported_audio',
      message: expect.stringContaining('needs ffmpeg on PATH') as string,
    });
  }
});

describeWithFfmpeg('with ffmpeg:', () => {
  test.each([
    'opus.webm',
    'opus.ogg',
    'speech.mp3',
    'speech.flac',
    'speech.aac',
    '24bit.wav',
    'float-44k-stereo.wav',
    'odd-rate.wav',
    'moov-at-the-end.m4a',
  ])(
    '%s comes out as 16 kHz mono',
    async (name) => {
      const decoders = decodersOf();
      const listener = new Listener({ decoders });
      expect(await listener.whole(await readFile(join(folder, name)))).toBe('ended');
      // ADTS does not say how much of it is the encoder's delay.
      expectSound(listener.pcm, SOUND_MS, name === 'speech.aac' ? 3 : 1);
      expect(decoders.size).toBe(0);
    },
    20_000,
  );

  test('a codec that is named is decoded without looking for a container', async () => {
    const format: StreamFormat = { codec: 's24be', sampleRate: 22_050, channels: 1 };
    const listener = new Listener({ decoders: decodersOf(), format });
    expect(await listener.whole(await readFile(join(folder, 's24be.raw')))).toBe('ended');
    expectSound(listener.pcm);
  });

  test('audio comes out while more is still to come', async () => {
    const webm = await readFile(join(folder, 'opus.webm'));
    const listener = await new Listener({ decoders: decodersOf() }).send(webm.subarray(0, webm.length / 2));
    await until(
      'nearly half is out',
      () => listener.pcm.length / 32,
      (ms) => ms > SOUND_MS / 2 - 500,
    );
    listener.audio.close();
  });

  test.each([
    ['random bytes', () => randomBytes(300_000)],
    ['text', () => Buffer.from('{"this":"is no audio"}\n'.repeat(10_000))],
    [
      'a JPEG',
      () => Buffer.concat([Buffer.from('ffd8ffe000104a46494600010100000100010000', 'hex'), randomBytes(50_000)]),
    ],
    ['a ZIP', () => Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(50_000)])],
    ['Ogg that is none', () => Buffer.concat([Buffer.from('OggS'), randomBytes(100_000)])],
    ['a playlist of a file', () => Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n')],
    [
      'a playlist of an address',
      () => Buffer.from('#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://169.254.169.254/latest/meta-data/\n'),
    ],
    ['a concat script', () => Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n')],
  ])(
    '%s is refused as no audio, and nothing of it is heard',
    async (_, bytes) => {
      const decoders = decodersOf();
      const listener = new Listener({ decoders });
      expect(await listener.whole(bytes())).toMatchObject({ type: 'unsupported_audio' });
      expect(listener.pieces).toEqual([]);
      expect(decoders.size).toBe(0);
    },
    20_000,
  );

  test('a stream that shows no audio for 8 MiB is refused before it ends', async () => {
    const listener = new Listener({ decoders: decodersOf() });
    const endless = Buffer.concat([
      Buffer.from('\0\0\0\x18ftypM4A \0\0\0\0M4A mp42\x7f\xff\xff\xffmdat', 'latin1'),
      Buffer.alloc(9 << 20),
    ]);
    await listener.send(endless, 1 << 20);
    expect(await listener.over).toMatchObject({ type: 'unsupported_audio' });
  }, 20_000);

  test('while the session has no room the client is held; afterwards all of it comes', async () => {
    const format: StreamFormat = { codec: 's16be', sampleRate: 16_000, channels: 1 };
    const listener = new Listener({ decoders: decodersOf({ maxMs: 600_000 }), format });
    listener.audio.hold(true);
    const long = Buffer.concat(Array.from({ length: 40 }, () => sound()));
    const over = listener.whole(long, 16_000);
    let last = { taken: -1, looks: 0 };
    await until(
      'the client is held for good',
      () => listener.taken,
      (taken) => {
        const isStill = taken === last.taken && listener.holds.at(-1) === true;
        last = { taken, looks: isStill ? last.looks + 1 : 0 };
        return last.looks > 30;
      },
    );
    expect(listener.taken).toBeLessThan(long.length / 2);
    expect(listener.pieces).toEqual([]);
    listener.audio.hold(false);
    expect(await over).toBe('ended');
    expect(listener.pcm.equals(Buffer.from(long).swap16())).toBe(true);
  }, 60_000);

  test('audio longer than is taken ends the decoder', async () => {
    const decoders = decodersOf({ maxMs: 1000 });
    const listener = new Listener({ decoders });
    expect(await listener.whole(await readFile(join(folder, 'opus.ogg')))).toMatchObject({ type: 'too_long' });
    expect(decoders.size).toBe(0);
  });

  test('a connection that ends takes its decoder with it', async () => {
    const decoders = decodersOf();
    const listener = await new Listener({ decoders }).send(await readFile(join(folder, 'opus.ogg')));
    expect(decoders.size).toBe(1);
    listener.audio.close();
    expect(decoders.size).toBe(0);
  });
});

test('a decoder that makes nothing of its work for too long is ended', async () => {
  const stuck = { kind: 'native' as const, program: '/bin/sleep', arguments: () => [], liveArguments: () => ['60'] };
  const decoders = decodersOf({ find: () => Promise.resolve(stuck), stallMs: 100 });
  const listener = new Listener({ decoders });
  listener.audio.accept(Buffer.concat([Buffer.from('OggS'), randomBytes(200_000)]));
  expect(await listener.over).toMatchObject({ type: 'unsupported_audio' });
  expect(decoders.size).toBe(0);
});

test('a stream that is only a little like audio is refused before a sample of it is heard', async () => {
  const doubt = 'echo "Format mp3 detected only with low score of 1, misdetection possible!" >&2';
  const script = `${doubt}; echo "Output #0, s16le, to pipe" >&2; head -c 64000 /dev/zero; cat > /dev/null`;
  const doubtful = {
    kind: 'native' as const,
    program: '/bin/sh',
    arguments: () => [],
    liveArguments: () => ['-c', script],
  };
  const listener = new Listener({ decoders: decodersOf({ find: () => Promise.resolve(doubtful) }) });
  listener.audio.accept(Buffer.concat([Buffer.from('OggS'), randomBytes(1000)]));
  expect(await listener.over).toMatchObject({ type: 'unsupported_audio' });
  expect(listener.pieces).toEqual([]);
});
