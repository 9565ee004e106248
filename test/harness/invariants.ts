/**
 * What every session must satisfy, whatever happened meanwhile: the invariants of fault tests. Every acknowledged byte is in
 * the audio log; finals are append-only, in order, once, their times monotone; a client always gets an answer or a
 * documented close within a stated time; the history gives the state, replays, and ends once.
 */
import { FAILURES } from '../../gateway/failures.ts';
import { finalMessage } from '../../gateway/protocol.ts';
import { AudioLog } from '../../infra/audio-log.ts';
import { readConfig } from '../../infra/config.ts';
import { openObjects } from '../../infra/objects/open.ts';
import type { ObjectStore } from '../../infra/objects/port.ts';
import { Replayer } from '../../workers/cli/history/replayer.ts';
import type { RecordedRun } from '../../workers/cli/history/recording.ts';
import { LOG_BYTES_PER_MS, objectKeys, sessionWorkflowId } from '../../workflows/contract.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { undisturbed } from './caller.ts';
import type { Caller } from './caller.ts';
import { fetchHistory, fold } from './session-history.ts';
import type { System } from './system.ts';

/** From a connection's first packet to `session` or a close: the client's own handshake limit is 10 s, the gateway's 5 s a step. */
const ANSWER_WITHIN_MS = 20_000;

/** docs/protocol.md: a normal end, a protocol error, a gateway that is killed, text that is not UTF-8, and its table. */
const DOCUMENTED_CLOSES = new Set([
  1000,
  1001,
  1002,
  1006,
  1007,
  ...Object.values(FAILURES).map(({ closeCode }) => closeCode),
]);

/** All invariants, and texts as in the undisturbed run. */
export async function expectWhole(system: System, caller: Caller, audio: Buffer, segmentMs: number): Promise<void> {
  expect(caller.finals.map(({ text }) => text)).toEqual(await undisturbed(audio, segmentMs));
  await expectCovered(system, caller, audio);
}

/** All invariants, where a final may have been asked for in mid-sentence, so that texts differ from the undisturbed run's. */
export async function expectCovered(system: System, caller: Caller, audio: Buffer): Promise<void> {
  expectAnswers(caller);
  expectFinals(caller);
  expect((await storedAudio(system, caller.client.session)).equals(audio)).toBe(true);
  await expectHistory(system, caller, audio);
}

function expectAnswers({ answerMs, closes, acks }: Caller): void {
  expect(Math.max(...answerMs)).toBeLessThan(ANSWER_WITHIN_MS);
  expect(closes.filter((code) => !DOCUMENTED_CLOSES.has(code))).toEqual([]);
  expect(acks).toEqual([...acks].sort((a, b) => a - b));
}

function expectFinals({ finals }: Caller): void {
  expect(finals.map(({ index }) => index)).toEqual(finals.map((_final, index) => index));
  const times = finals.flatMap(({ startMs, endMs }) => [startMs, endMs]);
  expect(times).toEqual([...times].sort((a, b) => a - b));
}

/** The history is the truth: transcript, view, result and what the client was told are what it says; it ends once. */
async function expectHistory(system: System, caller: Caller, audio: Buffer): Promise<void> {
  const id = caller.client.session;
  const { state, segments: told, audioMs } = await caller.done();
  const { runs, view } = await fetchHistory(system.temporal.address, sessionWorkflowId({ tenant: 'default', id }));
  const folded = fold(runs);
  expect(folded.endings).toEqual([...runs.slice(1).map(() => CONTINUED), COMPLETED]);
  expect(folded.result).toMatchObject({ state, segments: told, audioMs });
  // Where Temporal was away the worker may have heard, and committed, the end before the gateway could tell it.
  expect([audio.length, null]).toContain(folded.audioEndByte);
  expect(audioMs).toBe(audio.length / LOG_BYTES_PER_MS);
  expectFenced(folded);
  expect(view).toMatchObject({ state, nextIndex: folded.segments.length, throughByte: folded.throughByte });
  const { segments } = (await system.json(`/v1/sessions/${id}/transcript`)) as TranscriptDocument;
  expect(segments).toEqual(folded.segments);
  expect(caller.finals).toEqual(segments.map(finalMessage));
  const ends = segments.map(({ endByte }) => endByte);
  expect(segments.map(({ startByte }) => startByte)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBe(audio.length);
  expect(await differencesOf(runs)).toEqual([]);
}

const CONTINUED = 'EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW';
const COMPLETED = 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED';

/** Who commits holds the newest lease that was granted. */
function expectFenced({ commitEpochs, newestEpochs }: ReturnType<typeof fold>): void {
  expect(commitEpochs).toEqual(newestEpochs);
}

let replayer: Promise<Replayer> | null = null;

/** Where the present code would do something else than the history says. */
async function differencesOf(runs: readonly RecordedRun[]): Promise<unknown[]> {
  replayer ??= Replayer.open();
  const replays = await Array.fromAsync((await replayer).replay(runs));
  return replays.map(({ difference }) => difference).filter((difference) => difference !== null);
}

async function storedAudio(system: System, id: string): Promise<Buffer> {
  const objects = await openObjects(readConfig({ ...system.settings }));
  try {
    return await readLog(objects, id, 0);
  } finally {
    objects.close();
  }
}

/** A session's stored audio from a byte on, as a process sees it that knows nothing yet. */
async function readLog(objects: ObjectStore, id: string, fromByte: number): Promise<Buffer> {
  const log = new AudioLog(objects);
  return Buffer.concat(await Array.fromAsync(log.read(objectKeys.audio({ tenant: 'default', id }), fromByte)));
}

/**
 * Looks into storage at every acknowledgement, while whatever happens happens: what is acknowledged is there, byte for
 * byte. @returns what was found so far; it fails where something was missing.
 */
export function watchAcknowledged(objects: ObjectStore, caller: Caller, audio: Buffer): () => Promise<number> {
  const looks: Promise<boolean>[] = [];
  let from = 0;
  caller.client.on('ack', ({ durableBytes }) => {
    const acknowledged = audio.subarray(from, durableBytes);
    const stored = readLog(objects, caller.client.session, from);
    looks.push(stored.then((bytes) => bytes.subarray(0, acknowledged.length).equals(acknowledged)));
    from = durableBytes;
  });
  return async () => {
    expect(await Promise.all(looks)).toEqual(looks.map(() => true));
    return looks.length;
  };
}
