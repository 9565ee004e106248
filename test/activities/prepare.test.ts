import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createPrepare } from '../../activities/prepare.ts';
import type { PreparePorts } from '../../activities/prepare.ts';
import { AudioLog } from '../../infra/audio-log.ts';
import { createDecoder } from '../../infra/ffmpeg/decoder.ts';
import { openScratch } from '../../infra/scratch.ts';
import type { Scratch } from '../../infra/scratch.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type {
  ChannelMode,
  DecodeAnswer,
  FilePlan,
  PrepareAnswer,
  ProbeAnswer,
  VersionFacts,
} from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';
import { sound, wav } from '../harness/sound.ts';

const ref = { tenant: 'default', id: 'file-1' };
const uploadId = 'upload-1';
const AUDIO = objectKeys.audio(ref);
const MIB = 1 << 20;

/** 90 s: sound with pauses; almost three stretches of the log. */
const PCM = Buffer.concat(Array.from({ length: 22 }, sound));

let folder: string;
let scratch: Scratch;
let objects: MemoryObjects;
let log: AudioLog;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-prepare-'));
  scratch = await openScratch(folder);
  objects = new MemoryObjects();
  log = new AudioLog(objects);
  await objects.put(objectKeys.upload(ref.tenant, uploadId), wav(PCM));
});
afterEach(async () => {
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
});

/** A decoder that gives the samples in pieces of `pieceBytes`. */
function decoderOf(pcm: Buffer, pieceBytes = 65_536): PreparePorts['decoder'] {
  return {
    probe: () => Promise.resolve({ ok: true }),
    plainAudio: () => pcm,
    async *decodeAudio() {
      for (let at = 0; at < pcm.byteLength; at += pieceBytes) {
        await Promise.resolve();
        yield pcm.subarray(at, at + pieceBytes);
      }
    },
    async *decodeChannels() {
      for (let at = 0; at < pcm.byteLength; at += pieceBytes) {
        await Promise.resolve();
        const piece = pcm.subarray(at, at + pieceBytes);
        yield [piece, Buffer.from(piece.map((byte) => (256 - byte) & 255))];
      }
    },
  };
}

const notPlain = {
  plainAudio: () => null,
  decodeChannels: () => {
    throw new Error('not asked for');
  },
};

function setUp(decoder: PreparePorts['decoder'] = decoderOf(PCM), audioLog: PreparePorts['audioLog'] = log) {
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const activities = createPrepare({ uploads: objects, scratch, decoder, audioLog, spanMs: 20_000 });
  return {
    environment,
    probe: (): Promise<ProbeAnswer> => environment.run(activities.probeAudio, { ref, uploadId }),
    decode: (): Promise<DecodeAnswer> => environment.run(activities.decodeAudio, { ref, uploadId }),
    prepare: (channels: ChannelMode): Promise<PrepareAnswer> =>
      environment.run(activities.prepareFile, { ref, uploadId, channels }),
    plain: (): Promise<FilePlan | null> => environment.run(activities.preparePlain, { ref, uploadId }),
    planStored: (facts: VersionFacts): Promise<FilePlan> => environment.run(activities.planStored, { ref, facts }),
  };
}

const logged = async (): Promise<Buffer> => Buffer.concat(await Array.fromAsync(log.read(AUDIO, 0)));

async function expectWhole(answer: DecodeAnswer, pcm = PCM): Promise<void> {
  if (!answer.ok) throw new Error(answer.detail);
  expect((await logged()).equals(pcm)).toBe(true);
  expect(await log.extent(AUDIO)).toEqual({ durableBytes: pcm.byteLength, sealed: true });
  expect(answer.totalBytes).toBe(pcm.byteLength);
  expect(answer.spans[0]?.fromByte).toBe(0);
  expect(answer.spans.at(-1)?.toByte).toBe(pcm.byteLength);
}

test('an upload becomes a sealed log of stretches of 1 MiB, and spans cut in silence', async () => {
  const { environment, decode } = setUp(decoderOf(PCM, 100_001));
  const heartbeats: unknown[] = [];
  environment.on('heartbeat', (details: unknown) => heartbeats.push(details));
  const answer = await decode();
  await expectWhole(answer);
  const sizes = (await Array.fromAsync(objects.list(AUDIO))).map(({ bytes }) => bytes);
  expect(sizes).toEqual([MIB, MIB, PCM.byteLength - 2 * MIB, 0]);
  const spans = answer.ok ? answer.spans : [];
  expect(spans.length).toBeGreaterThan(3);
  for (const { fromByte } of spans.slice(1))
    expect(PCM.subarray(fromByte - 640, fromByte + 640).every((byte) => byte === 0)).toBe(true);
  expect(heartbeats).toContainEqual({ storedBytes: PCM.byteLength });
  expect(heartbeats.length).toBeGreaterThan(20);
});

test('a second attempt takes up what the first has stored, and gives the same answer', async () => {
  const whole = await setUp().decode();
  const last = [...objects.objects.keys()].filter((key) => key.startsWith(AUDIO)).sort();
  for (const keep of [0, 1, 2, 3]) {
    for (const key of last.slice(keep)) objects.objects.delete(key);
    const answer = await setUp().decode();
    expect(answer).toEqual(whole);
    await expectWhole(answer);
  }
});

test('a log that is sealed already is not decoded again', async () => {
  const whole = await setUp().decode();
  const never: PreparePorts['decoder'] = {
    probe: () => Promise.reject(new Error('probed')),
    decodeAudio: () => {
      throw new Error('decoded');
    },
    ...notPlain,
  };
  expect(await setUp(never).decode()).toEqual(whole);
});

test('two attempts at the same time store every byte once', async () => {
  const answers = await Promise.all([setUp(decoderOf(PCM, 30_000)).decode(), setUp(decoderOf(PCM, 50_000)).decode()]);
  for (const answer of answers) await expectWhole(answer);
  expect(answers[0]).toEqual(answers[1]);
});

test('bytes that another attempt has stored stay, and the spans tile what is stored', async () => {
  const longer = Buffer.concat([PCM, sound()]);
  await setUp(decoderOf(longer)).decode();
  const seal =
    [...objects.objects.keys()]
      .sort()
      .filter((key) => key.startsWith(AUDIO))
      .at(-1) ?? '';
  objects.objects.delete(seal);
  await expectWhole(await setUp().decode(), longer);
});

test('an odd byte at the end is no sample', async () => {
  await expectWhole(await setUp(decoderOf(Buffer.concat([PCM, Buffer.from([1])]))).decode());
});

test('what the decoder refuses is an answer, not a failure', async () => {
  const refused = Object.assign(new Error('no'), { name: 'AudioRefused', reason: 'too_long', detail: 'too long' });
  const decoder: PreparePorts['decoder'] = {
    probe: () => Promise.resolve({ ok: false, reason: 'empty_audio', detail: 'nothing' }),
    async *decodeAudio() {
      yield* decoderOf(sound()).decodeAudio('', new AbortController().signal);
      throw refused;
    },
    ...notPlain,
  };
  expect(await setUp(decoder).probe()).toEqual({ ok: false, reason: 'empty_audio', detail: 'nothing' });
  expect(await setUp(decoder).decode()).toEqual({ ok: false, reason: 'too_long', detail: 'too long' });
  expect((await log.extent(AUDIO)).sealed).toBe(false);
});

test('a decoder that fails is a failure that is tried again', async () => {
  const decoder: PreparePorts['decoder'] = {
    probe: () => Promise.reject(new Error('crashed')),
    decodeAudio: () => {
      throw new Error('crashed');
    },
    ...notPlain,
  };
  await expect(setUp(decoder).probe()).rejects.toThrow('crashed');
  await expect(setUp(decoder).decode()).rejects.toThrow('crashed');
});

test('an upload that is not there fails for good', async () => {
  objects.objects.clear();
  await expect(setUp().probe()).rejects.toMatchObject({ type: 'UploadMissing', nonRetryable: true });
  await expect(setUp().decode()).rejects.toMatchObject({ type: 'UploadMissing', nonRetryable: true });
});

test('cancelling ends the decoder, removes the temporary file and seals nothing', async () => {
  const decoder = await createDecoder({
    ffmpeg: 'wasm',
    searchPath: '',
    maxMs: 600_000,
    stallMs: 20_000,
    limitMs: 60_000,
  });
  const { environment, decode } = setUp(decoder);
  environment.on('heartbeat', ({ storedBytes }: { storedBytes?: number }) => {
    if (storedBytes !== undefined) environment.cancel();
  });
  await expect(decode()).rejects.toMatchObject({ name: 'CancelledFailure' });
  expect((await log.extent(AUDIO)).sealed).toBe(false);
});

test('a real file goes through a real decoder', async () => {
  const limits = { maxMs: 600_000, stallMs: 20_000, limitMs: 60_000 };
  const { probe, decode } = setUp(await createDecoder({ ffmpeg: 'wasm', searchPath: '', ...limits }));
  expect(await probe()).toEqual({ ok: true });
  await expectWhole(await decode());
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('each channel for itself', () => {
  const second = objectKeys.audio(ref, 1);
  const loggedOf = async (prefix: string): Promise<Buffer> => Buffer.concat(await Array.fromAsync(log.read(prefix, 0)));
  const ends = ({ cuts }: FilePlan): (number | undefined)[] => cuts.map((borders) => borders.at(-1));

  async function planned(pieceBytes = 65_536, audioLog?: PreparePorts['audioLog']): Promise<FilePlan> {
    const answer = await setUp(decoderOf(PCM, pieceBytes), audioLog).prepare('separate');
    if (!answer.ok) throw new Error(answer.detail);
    return answer.plan;
  }

  test('has a sealed log of its own, and is cut where it is quiet itself', async () => {
    const plan = await planned(100_000);
    expect(ends(plan)).toEqual([PCM.byteLength, PCM.byteLength]);
    expect((await loggedOf(AUDIO)).equals(PCM)).toBe(true);
    const other = await loggedOf(second);
    expect(other.byteLength).toBe(PCM.byteLength);
    expect(other.equals(PCM)).toBe(false);
    for (const prefix of [AUDIO, second]) expect(await log.extent(prefix)).toMatchObject({ sealed: true });
    for (const [channel, borders] of plan.cuts.entries()) {
      const pcm = channel === 0 ? PCM : other;
      for (const at of borders.slice(1, -1))
        expect(pcm.subarray(at - 640, at + 640).every((byte) => byte === 0)).toBe(true);
    }
  });

  test('is stored once, whatever an earlier attempt has left of one or the other', async () => {
    const plan = await planned();
    const sums = () => [...objects.objects].map(([key, bytes]) => `${key} ${sha256(bytes)}`).sort();
    const whole = sums();
    const stretches = [...objects.objects.keys()]
      .filter((key) => key.startsWith(AUDIO) || key.startsWith(second))
      .sort();
    for (const lost of stretches) {
      objects.objects.delete(objectKeys.plan(ref));
      for (const key of stretches.filter((other) => other >= lost)) objects.objects.delete(key);
      log = new AudioLog(objects);
      expect(await planned(30_000)).toEqual(plan);
      expect(sums()).toEqual(whole);
    }
  });

  test('is not decoded again once it is planned, though the upload is gone', async () => {
    const plan = await planned();
    objects.objects.delete(objectKeys.upload(ref.tenant, uploadId));
    expect(await planned()).toEqual(plan);
  });
});

test('audio that is stored is cut for another version as it was for the first, and the version’s facts are written', async () => {
  const answer = await setUp().prepare('mixed');
  const facts = { version: 2, model: 'other', language: 'en', createdAt: '2026-11-28T07:00:00.000Z' };
  expect(await setUp().planStored(facts)).toEqual(answer.ok && answer.plan);
  expect(JSON.parse(objects.text(objectKeys.versionFacts(ref, 2)))).toEqual(facts);
  // A live session was never cut.
  objects.objects.delete(objectKeys.plan(ref));
  expect(await setUp().planStored(facts)).toEqual(answer.ok && answer.plan);
});

describe('a small upload that needs no decoder', () => {
  const small = PCM.subarray(0, MIB);
  const plan = { cuts: [[0, expect.any(Number), MIB]] };
  beforeEach(() => objects.put(objectKeys.upload(ref.tenant, uploadId), wav(small)));
  const decoder = (): PreparePorts['decoder'] => ({
    ...notPlain,
    probe: () => Promise.reject(new Error('probed')),
    decodeAudio: () => {
      throw new Error('decoded');
    },
    plainAudio: (file) => file.subarray(44),
  });

  test('is stored and cut as by a decoder, and the same the second time', async () => {
    const answer = await setUp(decoder()).plain();
    expect(answer).toEqual(plan);
    expect((await logged()).equals(small)).toBe(true);
    expect(await log.extent(AUDIO)).toEqual({ durableBytes: MIB, sealed: true });
    expect(await setUp(decoder()).plain()).toEqual(answer);
    expect(await setUp(decoderOf(Buffer.from('others'))).prepare('mixed')).toEqual({ ok: true, plan: answer });
  });

  test('is taken up where another attempt has stored a part of it', async () => {
    await log.append(AUDIO, 0, small.subarray(0, 100_000));
    expect(await setUp(decoder()).plain()).toEqual(plan);
    expect((await logged()).equals(small)).toBe(true);
  });

  test('is another activity’s where it needs one, is too large, or is not there', async () => {
    expect(await setUp({ ...decoder(), plainAudio: () => null }).plain()).toBeNull();
    await objects.put(objectKeys.upload(ref.tenant, uploadId), wav(PCM));
    expect(await setUp(decoder()).plain()).toBeNull();
    await objects.deleteAll(objectKeys.uploads(ref.tenant, uploadId));
    expect(await setUp(decoder()).plain()).toBeNull();
    expect(await log.extent(AUDIO)).toEqual({ durableBytes: 0, sealed: false });
  });
});
