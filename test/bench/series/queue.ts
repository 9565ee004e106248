/** All slots busy: whether those who wait were told their place and their wait as it then was. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerMessage } from '../../../gateway/protocol.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { seeded } from '../recovery/random.ts';
import type { Random } from '../recovery/random.ts';
import { CHUNK_BYTES, Speaker } from '../speaker.ts';
import { percentile, shown } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Pace, Series } from './series.ts';

const SLOTS = 4;
/** A call lasts so long from its start, each length as likely as the others. */
const LENGTH_MS = [4000, 10_000] as const;
/** Calls come so far from each other. */
const APART_MS = [100, 700] as const;
const AUDIO = Buffer.alloc(CHUNK_BYTES, 'a call of a known length');
/** A shorter wait is over before an estimate of it is of use. */
const SHORT_MS = 1000;
const GOAL_SHARE = 0.25;

interface Told {
  readonly atMs: number;
  readonly position: number | null;
  readonly estimatedWaitMs: number | null;
}

interface Call {
  readonly told: readonly Told[];
  readonly startedMs: number;
}

async function call(url: string, session: string, lengthMs: number): Promise<Call> {
  const told: Told[] = [];
  const started = Promise.withResolvers<number>();
  const heard = (message: ServerMessage, atMs: number): void => {
    if (message.type === 'started') started.resolve(atMs);
    if (message.type === 'queued') told.push({ atMs, ...message });
  };
  const speaker = new Speaker({ url: `${url}?session=${session}`, audio: AUDIO, heard });
  speaker.over.catch(started.reject);
  await speaker.ready;
  const startedMs = await started.promise;
  speaker.speak();
  await pause(lengthMs);
  await speaker.end();
  return { told, startedMs };
}

async function calls(url: string, name: string, count: number, random: Random): Promise<Call[]> {
  const all: Promise<Call>[] = [];
  for (let i = 0; i < count; i += 1) {
    all.push(call(url, `${name}-${i}`, random.between(...LENGTH_MS)));
    await pause(random.between(...APART_MS));
  }
  return Promise.all(all);
}

/** How many places a notice was wrong by: those who were served between it and the session it was told to. */
function placesOff(all: readonly Call[]): number[] {
  return all.flatMap(({ told, startedMs }) =>
    told.flatMap(({ atMs, position }) => {
      const before = all.filter((other) => other.startedMs > atMs && other.startedMs < startedMs).length;
      return position === null ? [] : [Math.abs(position - 1 - before)];
    }),
  );
}

/** Estimate and what it came to, in milliseconds, where the wait was not short. */
function waits(all: readonly Call[]): { readonly estimateMs: number; readonly actualMs: number }[] {
  return all.flatMap(({ told, startedMs }) =>
    told.flatMap(({ atMs, estimatedWaitMs }) =>
      estimatedWaitMs === null || startedMs - atMs < SHORT_MS
        ? []
        : [{ estimateMs: estimatedWaitMs, actualMs: startedMs - atMs }],
    ),
  );
}

function rows(all: readonly Call[], others: number): Row[] {
  const places = placesOff(all);
  const found = waits(all);
  const ratios = found.map(({ estimateMs, actualMs }) => estimateMs / actualMs);
  const errors = ratios.map((ratio) => Math.abs(ratio - 1));
  const offMs = found.map(({ estimateMs, actualMs }) => Math.abs(estimateMs - actualMs));
  const waited = all.filter(({ told }) => told.length > 0).length;
  const note = `${waited} calls waited for ${SLOTS} slots, each ${LENGTH_MS.join('–')} ms long; ${othersNote(others)}`;
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  return [
    {
      what: 'queue: told position wrong by, p90',
      measured: `${shown(percentile(places, 90))}; p50 ${shown(percentile(places, 50))}, max ${shown(percentile(places, 100))}`,
      goal: '≤ 1',
      reached: percentile(places, 90) <= 1,
      note: `${places.length} notices; ${note}`,
    },
    {
      what: 'queue: estimated wait wrong by, p50',
      measured: `${percent(percentile(errors, 50))}; p90 ${percent(percentile(errors, 90))}; estimate / actual p50 ${shown(percentile(ratios, 50))}; off by ${shown(percentile(offMs, 50))} ms p50, ${shown(percentile(offMs, 90))} ms p90`,
      goal: `≤ ${percent(GOAL_SHARE)}`,
      reached: percentile(errors, 50) <= GOAL_SHARE,
      note: `${found.length} notices of waits ≥ ${SHORT_MS / 1000} s`,
    },
  ];
}

async function measure(url: string, { quick }: Pace): Promise<Row[]> {
  const random = seeded(4);
  // Those that end first tell how long calls are.
  await calls(url, 'earlier', 2 * SLOTS, random);
  await quiet();
  const others = watchOthers();
  return rows(await calls(url, 'queue', quick ? 3 * SLOTS : 7 * SLOTS, random), others());
}

export const queue: Series = {
  name: 'queue',
  run: (pace) =>
    withSystem({ settings: { LONGHAND_SLOTS: String(SLOTS) } }, (system) => measure(liveUrl(system), pace)),
};
