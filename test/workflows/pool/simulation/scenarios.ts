/**
 * The scenarios and the goals of the scaler: a working day of the published table, and days that go otherwise. Every
 * policy plays the same draws. The scaler's policy is the file that ships, docs/examples/policy.json.
 */
import { readFile } from 'node:fs/promises';
import { parsePolicy } from '../../../../infra/pool/policy-file.ts';
import { loadFor } from '../../../../workflows/pool/erlang.ts';
import type { Calendar, Policy } from '../../../../workflows/pool/policy.ts';
import { backlogScaler, headroomScaler, tableScaler } from '../../../../workflows/pool/simulation/baselines.ts';
import { drawDay } from '../../../../workflows/pool/simulation/day.ts';
import type { DayPlan } from '../../../../workflows/pool/simulation/day.ts';
import { resultOf } from '../../../../workflows/pool/simulation/result.ts';
import { policyScaler } from '../../../../workflows/pool/simulation/scalers.ts';
import { play } from '../../../../workflows/pool/simulation/world.ts';
import type { Scaler } from '../../../../workflows/pool/simulation/world.ts';
import { HOUR_MS, MONDAY_MS } from '../given.ts';

const readJson = async (path: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`../../../../${path}`, import.meta.url), 'utf8'));

export const shippedPolicy: Policy = parsePolicy(await readJson('docs/examples/policy.json'));
const { workersByHour, leadMinutes, timeZone } = (await readJson('docs/examples/table-3.1.json')) as {
  readonly workersByHour: readonly number[];
  readonly leadMinutes: number;
  readonly timeZone: string;
};
const table: Calendar = {
  timetable: { kind: 'hours', workersByHour },
  leadMs: leadMinutes * 60_000,
  role: 'floor',
  servedShare: 0.99,
};

const HOLD_MS = 240_000;
/** The load of each hour is the largest for which the table's count serves 99 % within 2 s. */
const planned: DayPlan = {
  sessionsByHour: workersByHour.map(
    (workers) => (loadFor(workers, { servedShare: 0.99, withinMs: 2000 }, HOLD_MS) * HOUR_MS) / HOLD_MS,
  ),
  holding: { meanMs: HOLD_MS, cv: 1 },
  scale: 1,
  earlierMs: 0,
  bursts: [],
};
const burst = { ...planned, bursts: [{ fromMs: 11 * HOUR_MS, forMs: 600_000, factor: 3 }] };

export interface Scenario {
  readonly name: string;
  readonly plan: DayPlan;
  readonly startUpMs: number;
  readonly goal: {
    /** Worker-hours ÷ the static table's in the same run. */
    readonly hoursRatio: number;
    /** Of sessions that wait more than 2 s. */
    readonly shareWaited: number;
    readonly p99Seconds?: number;
  };
}

const START_UP_MS = 180_000;
export const SCENARIOS: readonly Scenario[] = [
  { name: 'planned day', plan: planned, startUpMs: START_UP_MS, goal: { hoursRatio: 0.99, shareWaited: 0.005 } },
  {
    name: '60 % of the calls',
    plan: { ...planned, scale: 0.6 },
    startUpMs: START_UP_MS,
    goal: { hoursRatio: 0.65, shareWaited: 0.005 },
  },
  {
    name: '150 % of the calls',
    plan: { ...planned, scale: 1.5 },
    startUpMs: START_UP_MS,
    goal: { hoursRatio: 1.42, shareWaited: 0.005 },
  },
  {
    name: 'all an hour early',
    plan: { ...planned, earlierMs: HOUR_MS },
    startUpMs: START_UP_MS,
    goal: { hoursRatio: 1.1, shareWaited: 0.01 },
  },
  {
    name: 'three times the calls for ten minutes',
    plan: burst,
    startUpMs: START_UP_MS,
    goal: { hoursRatio: 1.05, shareWaited: 0.04, p99Seconds: 100 },
  },
  {
    name: 'the same, workers ready in 60 s',
    plan: burst,
    startUpMs: 60_000,
    goal: { hoursRatio: 1.05, shareWaited: 0.04, p99Seconds: 28 },
  },
];

/** New for each day: a scaler learns. */
export const CONTENDERS: Readonly<Record<string, () => Scaler>> = {
  'the policy': () => policyScaler(shippedPolicy),
  'static table': () => tableScaler(table, timeZone),
  'backlog (KEDA)': () => backlogScaler(shippedPolicy),
  'headroom 10': () => headroomScaler(shippedPolicy, 10),
  'headroom 30': () => headroomScaler(shippedPolicy, 30),
};

export interface Outcome {
  readonly workerHours: number;
  readonly hoursRatio: number;
  readonly shareWaited: number;
  readonly p99Seconds: number;
  readonly cut: number;
}

/** Plays a scenario for one who contends, a day for each seed. */
export function outcomes({ plan, startUpMs }: Scenario, contender: string, seeds: readonly number[]): Outcome[] {
  return seeds.map((seed) => {
    const world = { fromMs: MONDAY_MS, calls: drawDay(plan, seed), startUpMs, slotsPerWorker: 1 };
    const run = (scaler: Scaler) => resultOf(play(world, scaler), {});
    const [own, reference] = [run((CONTENDERS[contender] as () => Scaler)()), run(tableScaler(table, timeZone))];
    return {
      workerHours: own.workerHours,
      hoursRatio: own.workerHours / reference.workerHours,
      shareWaited: own.shareWaited,
      p99Seconds: own.waitSeconds.p99,
      cut: own.cut,
    };
  });
}

const SLOTS = 4;
/** The shipped policy for workers of several slots: the same table in fewer workers. */
function severalSlotsPolicy(): Policy {
  const { calendar } = shippedPolicy;
  const workers = workersByHour.map((each) => Math.ceil(each / SLOTS));
  const timetable = { kind: 'hours', workersByHour: workers } as const;
  return { ...shippedPolicy, slotsPerWorker: SLOTS, calendar: calendar && { ...calendar, timetable } };
}

/** Plays a scenario with workers of four slots; `workerHours` are those of as many workers of one slot. */
export function severalSlotsDay({ plan, startUpMs }: Scenario, seed: number): Omit<Outcome, 'hoursRatio'> {
  const world = { fromMs: MONDAY_MS, calls: drawDay(plan, seed), startUpMs, slotsPerWorker: SLOTS };
  const { workerHours, shareWaited, waitSeconds, cut } = resultOf(play(world, policyScaler(severalSlotsPolicy())), {});
  return { workerHours: SLOTS * workerHours, shareWaited, p99Seconds: waitSeconds.p99, cut };
}

/** The middle of an even number is the mean of its two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low = NaN, high = NaN] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return (low + high) / 2;
}
