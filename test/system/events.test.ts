/** Events of a session on a whole installation: every final once and in order, whoever dies between Temporal and the reader. */
import { openClient } from '../../infra/temporal.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { Caller, noise } from '../harness/caller.ts';
import { EventReader } from '../harness/event-reader.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import type { Part } from '../harness/system.ts';
import { System } from '../harness/system.ts';

let system: System;
/** The readers' gateway; calls go through the other one. */
let desk: Part;
const readers: EventReader[] = [];
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400, realTimeFactor: 0.1 } },
    workers: 2,
    settings: {
      LONGHAND_SPAN_MS: '5000',
      LONGHAND_SLOTS: '2',
      LONGHAND_WORKER_SILENCE_MS: '5000',
      // A call of some seconds goes through several runs, and most of its finals are in checkpoints.
      LONGHAND_ROTATE_EVENTS: '60',
      LONGHAND_CHECKPOINT_SEGMENTS: '4',
    },
  });
  desk = await system.add('gateway');
}, 120_000);
afterEach(() => {
  const faults = readers.flatMap((reader) => reader.faults);
  for (const reader of readers.splice(0)) reader.close();
  expect(faults).toEqual([]);
});
afterAll(() => system.stop(), 30_000);

function read(id: string, from?: string): EventReader {
  const port = Number(desk.ready['port']);
  const reader = new EventReader(() => `http://127.0.0.1:${port}/v1/sessions/${id}/events`, from);
  readers.push(reader);
  return reader;
}
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const textsOf = (reader: EventReader): unknown[] => reader.of('final').map(({ data }) => data['text']);

test('a call: a cut connection and a gateway that is killed cost its reader nothing', async () => {
  const caller = new Caller(system.url, { session: 'call', audio: noise('call', 14_000) });
  await caller.call();
  const reader = read('call');
  await reader.until('final', 3);
  reader.cut();
  await reader.until('final', 8);
  const port = String(desk.ready['port']);
  await desk.kill();
  await desk.start({ LONGHAND_HTTP_PORT: port });
  await reader.until('final', 14);
  await caller.done();
  await reader.until('done');
  const transcript = (await system.json('/v1/sessions/call/transcript')) as TranscriptDocument;
  expect(transcript.segments.length).toBeGreaterThan(30);
  expect(reader.indexes).toEqual(upTo(transcript.segments.length));
  expect(textsOf(reader)).toEqual(transcript.segments.map(({ text }) => text));
  expect(reader.connections).toBeGreaterThanOrEqual(3);
  await reader.when(() => reader.isClosed);
  const late = read('call', '20.');
  await late.until('done');
  expect(late.indexes).toEqual(upTo(transcript.segments.length).slice(20));
}, 90_000);

test('a file: progress, and finals in the order of the transcript while it goes on', async () => {
  await postFile(system, wav(noise('file', 40_000)), '?session=file');
  const reader = read('file');
  await reader.until('final', 1);
  expect(reader.of('done')).toEqual([]);
  await reader.until('done');
  const { segments } = await finishedFile(system, 'file');
  expect(reader.indexes).toEqual(upTo(segments.length));
  expect(textsOf(reader)).toEqual(segments.map(({ text }) => text));
  const shares = reader.of('session').map(({ data }) => data['progress'] as number | null);
  expect(shares.filter((share) => share !== null && share > 0 && share < 1).length).toBeGreaterThan(2);
  const again = read('file');
  await again.until('done');
  expect(textsOf(again)).toEqual(textsOf(reader));
}, 60_000);

test('a file whose channels are apart: finals of both, in the order of the transcript, while it goes on and after a cut', async () => {
  const file = Buffer.from(wav(noise('both ends', 40_000)));
  file.writeUInt16LE(2, 22);
  file.writeUInt32LE(64_000, 28);
  file.writeUInt16LE(4, 32);
  await postFile(system, Uint8Array.from(file), '?session=both&channels=separate');
  const reader = read('both');
  await reader.until('final', 3);
  expect(reader.of('done')).toEqual([]);
  reader.cut();
  await reader.until('done');
  const { segments } = await finishedFile(system, 'both');
  expect(new Set(segments.map(({ channel }) => channel))).toEqual(new Set([0, 1]));
  expect(reader.indexes).toEqual(upTo(segments.length));
  expect(textsOf(reader)).toEqual(segments.map(({ text }) => text));
}, 60_000);

test('a session that an operator terminates is told as failed', async () => {
  const caller = new Caller(system.url, { session: 'terminated', audio: noise('terminated', 20_000) });
  await caller.call();
  const reader = read('terminated');
  await reader.until('final', 2);
  const client = openClient(system.temporal.address, 'default');
  await client.workflow.getHandle('session/default/terminated').terminate('by an operator');
  expect((await reader.until('done')).data).toMatchObject({ state: 'failed', error: { code: 'session_failed' } });
  await client.connection.close();
  caller.client.close();
}, 60_000);

test('while Temporal is away a reader waits, and goes on when it is back', async () => {
  const caller = new Caller(system.url, { session: 'away', audio: noise('away', 10_000) });
  await caller.call();
  const reader = read('away');
  await reader.until('final', 3);
  await system.temporal.process.stop(0);
  await system.temporal.process.start();
  await caller.done();
  const { data } = await reader.until('done');
  expect(reader.indexes).toEqual(upTo(data['segments'] as number));
}, 90_000);
