/** Files: how much faster many workers are with a long one, and how many small ones a second go through the whole system. */
import { setTimeout as pause } from 'node:timers/promises';
import { openClient } from '../../../infra/temporal.ts';
import { noise } from '../../harness/caller.ts';
import { postFile, wav } from '../../harness/files.ts';
import type { System } from '../../harness/system.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { withSystem } from '../installation.ts';
import { percentile, shown } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Pace, Series } from './series.ts';

const SEGMENT_MS = 4000;
/** What the scripted engine takes of the audio's length, one span at a time on each worker. */
const REAL_TIME_FACTOR = 0.02;
const WORKERS = [1, 2, 4, 8];
const GOAL_SHARE = 0.8;

const MODELS = { en: { engine: 'scripted', segmentMs: SEGMENT_MS, realTimeFactor: REAL_TIME_FACTOR } };

interface Shown {
  readonly state: string;
}

async function untilState(system: System, id: string, states: readonly string[]): Promise<number> {
  for (;;) {
    const { state } = (await system.json(`/v1/sessions/${id}`)) as Shown;
    if (state === 'failed') throw new Error(`${id} failed`);
    if (states.includes(state)) return performance.now();
    await pause(20);
  }
}

interface Long {
  readonly prepareMs: number;
  readonly transcribeMs: number;
}

/** One long file on so many workers of one slot each. */
function long(workers: number, audio: Uint8Array<ArrayBuffer>): Promise<Long> {
  const settings = { LONGHAND_SLOTS: '1', LONGHAND_WORKER_SILENCE_MS: '5000' };
  return withSystem({ models: MODELS, workers, settings }, async (system) => {
    const begunMs = performance.now();
    await postFile(system, audio, '?session=long');
    const preparedMs = await untilState(system, 'long', ['streaming', 'closing', 'completed']);
    const endMs = await untilState(system, 'long', ['completed']);
    return { prepareMs: preparedMs - begunMs, transcribeMs: endMs - preparedMs };
  });
}

async function longRows({ quick }: Pace): Promise<Row[]> {
  const minutes = quick ? 10 : 60;
  const audio = wav(Buffer.alloc(minutes * 60_000 * 32, noise('an hour', 10_000)));
  await quiet();
  const others = watchOthers();
  const rows: Row[] = [];
  let one: number | null = null;
  for (const workers of WORKERS) {
    const { prepareMs, transcribeMs } = await long(workers, audio);
    one ??= transcribeMs;
    const speedUp = one / transcribeMs;
    rows.push({
      what: `file: ${minutes} min of audio on ${workers} worker${workers === 1 ? '' : 's'}, speed-up`,
      measured: `${shown(speedUp)} (${shown(transcribeMs / 1000)} s)`,
      goal: `≥ ${shown(GOAL_SHARE * workers)}`,
      reached: speedUp >= GOAL_SHARE * workers,
      note: `from decoded to completed; ${shown(prepareMs / 1000)} s before that to upload and decode; ${othersNote(others())}`,
    });
  }
  return rows;
}

const SMALL_MS = 4000;
const GOAL_FILES_A_SECOND = 20;
const GOAL_API_MS = 100;
/** Requests that post at once. */
const POSTING = 16;

/** Looks at a session again and again, as a client does, until it is told to stop; how long each answer took. */
async function watchApi(system: System, isOver: () => boolean): Promise<number[]> {
  const tookMs: number[] = [];
  while (!isOver()) {
    const askedMs = performance.now();
    await fetch(`${system.httpUrl}/v1/sessions/small-0`).then((answer) => answer.arrayBuffer());
    tookMs.push(performance.now() - askedMs);
    await pause(50);
  }
  return tookMs;
}

async function untilAllEnded(system: System, count: number): Promise<void> {
  const client = openClient(system.temporal.address, 'default');
  const query = "WorkflowType = 'file' AND LonghandState = 'completed' AND ExecutionStatus = 'Completed'";
  try {
    while ((await client.workflow.count(query)).count < count) await pause(100);
  } finally {
    await client.connection.close();
  }
}

async function small(system: System, { quick }: Pace): Promise<Row[]> {
  const count = quick ? 60 : 500;
  const audio = wav(noise('small', SMALL_MS));
  await postFile(system, audio, '?session=warm');
  await untilState(system, 'warm', ['completed']);
  await quiet();
  const others = watchOthers();
  let isOver = false;
  const begunMs = performance.now();
  const waiting = Array.from({ length: count }, (_, i) => i);
  const post = async (): Promise<void> => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
      const { status } = await postFile(system, audio, `?session=small-${i}`);
      if (status !== 202) throw new Error(`posting was answered by ${status}`);
    }
  };
  const watching = watchApi(system, () => isOver);
  await Promise.all(Array.from({ length: POSTING }, post));
  const postedMs = performance.now();
  await untilAllEnded(system, count + 1);
  const endMs = performance.now();
  isOver = true;
  const api = await watching;
  const rate = (count * 1000) / (endMs - begunMs);
  const note = `${count} files of ${SMALL_MS / 1000} s, posted within ${shown((postedMs - begunMs) / 1000)} s; ${othersNote(others())}`;
  return [
    {
      what: 'file: small ones, end to end',
      measured: `${shown(rate)} files/s (${shown((endMs - begunMs) / 1000)} s)`,
      goal: `≥ ${GOAL_FILES_A_SECOND} files/s`,
      reached: rate >= GOAL_FILES_A_SECOND,
      note,
    },
    {
      what: 'file: API while they run, p95',
      measured: `${shown(percentile(api, 95))} ms; p50 ${shown(percentile(api, 50))} ms`,
      goal: `≤ ${GOAL_API_MS} ms`,
      reached: percentile(api, 95) <= GOAL_API_MS,
      note: `${api.length} looks at one session`,
    },
  ];
}

export const file: Series = { name: 'file', run: longRows };

export const files: Series = {
  name: 'files',
  run: (pace) => {
    const settings = { LONGHAND_SLOTS: '16', LONGHAND_WORKER_SILENCE_MS: '10000' };
    return withSystem({ models: MODELS, workers: 2, settings }, (system) => small(system, pace));
  },
};
