/**
 * Object storage that refuses, is slow, breaks off and spoils: what is acknowledged is stored at every moment, and a
 * transcript is whole or the session says that it is not. Real processes on a real S3 server, behind a line with faults.
 */
import { openS3 } from '../../infra/objects/s3.ts';
import type { OpenStore } from '../../infra/objects/s3.ts';
import { Caller, noise } from '../harness/caller.ts';
import { expectWhole, watchAcknowledged } from '../harness/invariants.ts';
import { FAULTS, FaultyS3 } from '../harness/faulty-s3.ts';
import { postFile, wav } from '../harness/files.ts';
import { startS3Server } from '../harness/s3-server.ts';
import type { S3Server } from '../harness/s3-server.ts';
import { System } from '../harness/system.ts';
import { untilHolds } from '../harness/until.ts';

const SEGMENT_MS = 400;
const AUDIO = /\/audio\/\d/;
const CHECKPOINT = /\/checkpoint\//;

const started = await startS3Server('chaos in object storage');
const suite = started === null ? describe.skip : describe;

suite('object storage', () => {
  const server = started as S3Server;
  let line: FaultyS3;
  let store: OpenStore;
  let system: System;

  beforeAll(async () => {
    const { bucket, region, endpoint, credentials } = server.options;
    line = await FaultyS3.before(endpoint ?? '');
    store = openS3(server.options);
    system = await System.start({
      models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
      settings: {
        LONGHAND_STORAGE: 's3',
        LONGHAND_S3_ENDPOINT: line.address,
        LONGHAND_S3_BUCKET: bucket,
        LONGHAND_S3_REGION: region,
        LONGHAND_S3_ACCESS_KEY_ID: credentials?.accessKeyId ?? '',
        LONGHAND_S3_SECRET_ACCESS_KEY: credentials?.secretAccessKey ?? '',
        LONGHAND_CHECKPOINT_SEGMENTS: '5',
        LONGHAND_ACK_INTERVAL_MS: '100',
        // Nothing that is stored stays in memory: a worker that comes later is caught up from storage.
        LONGHAND_RECENT_AUDIO_BYTES: '0',
        LONGHAND_WORKER_SILENCE_MS: '5000',
      },
    });
  }, 120_000);
  afterEach(() => line.calm());
  afterAll(async () => {
    await system.stop();
    store.close();
    await line.close();
    await server.stop();
  }, 60_000);

  const call = (session: string, ms: number) => {
    const audio = noise(session, ms);
    const caller = new Caller(system.url, { session, audio });
    return { caller, audio, acknowledged: watchAcknowledged(store, caller, audio) };
  };

  const readiness = async (): Promise<number> => (await fetch(`${system.httpUrl}/readyz`)).status;

  test('that refuses a fifth of all requests costs nothing', async () => {
    const refused = line.disturb({ fault: FAULTS.refused(503, 'SlowDown'), every: 5 });
    const { caller, audio, acknowledged } = call('a-fifth', 5000);
    await caller.call();
    await caller.done();
    // How many requests there are is the machine's speed: a slow one stores longer stretches.
    expect(refused()).toBeGreaterThan(0);
    line.calm();
    expect(caller.reconnects).toBe(0);
    expect(await acknowledged()).toBeGreaterThan(1);
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 60_000);

  test('that refuses everything stops acknowledgements and turns newcomers away, and all goes on by itself', async () => {
    const { caller, audio, acknowledged } = call('refused', 8000);
    await caller.call();
    await caller.midSentenceAfter(3);
    line.disturb({ fault: FAULTS.refused(500, 'InternalError') });
    const before = { acks: caller.acks.length, partials: caller.partials };
    await untilHolds(async () => (await readiness()) === 503);
    const late = call('refused-newcomer', 2000);
    const turnedAway: string[] = [];
    late.caller.client.on('reconnecting', ({ why }) => turnedAway.push(why));
    const lateCall = late.caller.call();
    await untilHolds(() => turnedAway.length > 0);
    expect(turnedAway[0]).toBe('the storage does not answer: try again later');
    const upload = await postFile(system, wav(noise('upload', 1000)), '?session=refused-upload');
    expect(upload).toMatchObject({ status: 503, body: { code: 'storage_unavailable', retryable: true } });
    await untilHolds(() => caller.partials > before.partials + 5);
    // One stretch may have been under way.
    expect(caller.acks.length - before.acks).toBeLessThanOrEqual(1);
    line.calm();
    await untilHolds(async () => (await readiness()) === 200);
    await lateCall;
    for (const each of [{ caller, audio, acknowledged }, late]) {
      await each.caller.done();
      await each.acknowledged();
      await expectWhole(system, each.caller, each.audio, SEGMENT_MS);
    }
    expect(caller.reconnects).toBe(0);
    expect(caller.acks.length).toBeGreaterThan(before.acks + 1);
  }, 90_000);

  test('that takes its time delays acknowledgements only', async () => {
    line.disturb({ fault: FAULTS.slow(600) });
    const { caller, audio, acknowledged } = call('slow', 5000);
    await caller.call();
    await caller.done();
    line.calm();
    expect(caller.reconnects).toBe(0);
    expect(await acknowledged()).toBeGreaterThan(1);
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 60_000);

  test('whose connections break in the middle of a PUT, or after it, has every stretch once', async () => {
    const lost = line.disturb({ fault: FAULTS.answerLost, method: 'PUT', every: 3 });
    const cut = line.disturb({ fault: FAULTS.cut, method: 'PUT', every: 3 });
    const { caller, audio, acknowledged } = call('broken-off', 5000);
    await caller.call();
    await caller.done();
    expect(Math.min(lost(), cut())).toBeGreaterThan(3);
    line.calm();
    expect(caller.reconnects).toBe(0);
    expect(await acknowledged()).toBeGreaterThan(3);
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 60_000);

  /** A call that is stored and waits, because there is no worker. */
  async function storedCall(session: string, ms: number) {
    for (const worker of system.workers.splice(0)) await worker.kill();
    const made = call(session, ms);
    await made.caller.call();
    await untilHolds(() => made.caller.client.durableBytes === made.audio.length);
    return made;
  }

  test('that spoils audio on its way to a worker is read again until it comes right', async () => {
    const { caller, audio } = await storedCall('spoilt', 3000);
    const spoilt = line.disturb({ fault: FAULTS.spoilt, method: 'GET', key: AUDIO, times: 8 });
    await system.addWorker();
    await caller.done();
    expect(spoilt()).toBe(8);
    await expectWhole(system, caller, audio, SEGMENT_MS);
  }, 60_000);

  test('that holds spoilt audio ends the session as storage_corruption, and no word is made of it', async () => {
    const { caller } = await storedCall('rotten', 3000);
    line.disturb({ fault: FAULTS.spoilt, method: 'GET', key: AUDIO });
    await system.addWorker();
    await expect(caller.done()).rejects.toMatchObject({ code: 'storage_corruption' });
    expect(caller.finals).toEqual([]);
    expect(await system.json('/v1/sessions/rotten')).toMatchObject({
      state: 'failed',
      error: { code: 'storage_corruption' },
    });
  }, 60_000);

  test('that spoils a checkpoint on its way is read again until it comes right', async () => {
    const { caller, audio } = call('checkpoint-spoilt', 5000);
    const spoilt = line.disturb({ fault: FAULTS.spoilt, method: 'GET', key: CHECKPOINT, times: 7 });
    await caller.call();
    await caller.done();
    expect(spoilt()).toBe(7);
    await expectWhole(system, caller, audio, SEGMENT_MS);
    line.disturb({ fault: FAULTS.spoilt, method: 'GET', key: /transcript\.json$/ });
    const answer = await fetch(`${system.httpUrl}/v1/sessions/checkpoint-spoilt/transcript`);
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'storage_corruption' }]);
  }, 60_000);

  test('that holds a spoilt checkpoint ends the session as storage_corruption, and writes no transcript', async () => {
    const { caller } = call('checkpoint-rotten', 5000);
    line.disturb({ fault: FAULTS.spoilt, method: 'GET', key: CHECKPOINT });
    await caller.call();
    await expect(caller.done()).rejects.toMatchObject({ code: 'storage_corruption' });
    expect(await system.json('/v1/sessions/checkpoint-rotten')).toMatchObject({
      state: 'failed',
      error: { code: 'storage_corruption' },
    });
    expect(await store.get('sessions/default/checkpoint-rotten/transcript.json')).toBeNull();
  }, 90_000);
});
