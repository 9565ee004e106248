/** Puts a simulation together from what the command was given, and plays it. */
import { parsePolicy } from '../../../infra/pool/policy-file.ts';
import { tabledWorkers } from '../../../workflows/pool/calendar.ts';
import { loadFor } from '../../../workflows/pool/erlang.ts';
import { midnightOf } from '../../../workflows/pool/local-time.ts';
import type { Policy, Prices } from '../../../workflows/pool/policy.ts';
import {
  backlogScaler,
  calendarPolicy,
  headroomScaler,
  tableScaler,
} from '../../../workflows/pool/simulation/baselines.ts';
import { drawDay } from '../../../workflows/pool/simulation/day.ts';
import type { Call } from '../../../workflows/pool/simulation/day.ts';
import { resultOf } from '../../../workflows/pool/simulation/result.ts';
import type { Result } from '../../../workflows/pool/simulation/result.ts';
import { policyScaler } from '../../../workflows/pool/simulation/scalers.ts';
import { play } from '../../../workflows/pool/simulation/world.ts';
import type { Sample, Scaler } from '../../../workflows/pool/simulation/world.ts';
import { CliError, EXIT } from '../failure.ts';
import { noArrivals, readArrivals, readCalendar, readPolicy } from './files.ts';
import type { ArrivalsFile, CalendarFile } from './files.ts';

export interface SimulateOptions {
  readonly calendar?: string;
  readonly arrivals?: string;
  readonly policy: string;
  readonly seed: number;
  /** `2026-01-05`: which day it is, for cron entries and daylight saving. */
  readonly date: string;
}

export interface Simulation {
  readonly policy: string;
  readonly seed: number;
  readonly date: string;
  readonly timeZone: string;
  readonly currency: string;
  readonly result: Result;
  readonly samples: readonly Sample[];
  /** How often each rule decided: share of the decisions. Empty for what decides without rules. */
  readonly rules: Readonly<Record<string, number>>;
  readonly tookMs: number;
}

/** Where the policy's file says nothing else. */
const MOST_WORKERS = 1000;

/** @throws CliError that says what is wrong with a file or an option */
export async function simulate(options: SimulateOptions): Promise<Simulation> {
  const given = options.calendar === undefined ? null : await readCalendar(options.calendar);
  const arrivals = options.arrivals === undefined ? noArrivals : await readArrivals(options.arrivals);
  const rules: Record<string, number> = {};
  const { policy, scaler } = await chosen(options.policy, given, (rule) => (rules[rule] = (rules[rule] ?? 0) + 1));
  const fromMs = midnightOf(options.date, policy.timeZone);
  const calls = callsOf(arrivals, policy, fromMs, options.seed);
  const begunMs = performance.now();
  const startUpMs = arrivals.startUpSeconds * 1000;
  const played = play({ fromMs, calls, startUpMs, slotsPerWorker: policy.slotsPerWorker }, scaler);
  const lists: Record<string, Prices> = { ...given?.priceLists, ...(policy.prices && { policy: policy.prices }) };
  const decisions = Object.values(rules).reduce((sum, count) => sum + count, 0);
  return {
    policy: options.policy,
    seed: options.seed,
    date: options.date,
    timeZone: policy.timeZone,
    currency: Object.values(lists)[0]?.currency ?? '',
    result: resultOf(played, lists),
    samples: played.samples,
    rules: Object.fromEntries(Object.entries(rules).map(([rule, count]) => [rule, count / decisions])),
    tookMs: performance.now() - begunMs,
  };
}

interface Chosen {
  readonly policy: Policy;
  readonly scaler: Scaler;
}

/** Names that are not files; each needs a calendar or does not. */
export const NAMED_POLICIES = ['default', 'calendar', 'table', 'backlog', 'headroom-10', 'headroom-30'] as const;

async function chosen(name: string, given: CalendarFile | null, decided: (rule: string) => void): Promise<Chosen> {
  const count = ({ rule }: { readonly rule: string }): void => decided(rule);
  const isNamed = (NAMED_POLICIES as readonly string[]).includes(name);
  if (!isNamed) {
    const policy = withCalendar(await readPolicy(name), given);
    return { policy, scaler: policyScaler(policy, undefined, count) };
  }
  const policy = withCalendar(parsePolicy({ maxWorkers: MOST_WORKERS }), given);
  switch (name as (typeof NAMED_POLICIES)[number]) {
    case 'default':
      return { policy, scaler: policyScaler(policy, undefined, count) };
    case 'calendar':
      return { policy, scaler: policyScaler(calendarPolicy(policy, calendarOf(policy, name)), undefined, count) };
    case 'table':
      return { policy, scaler: tableScaler(calendarOf(policy, name), policy.timeZone) };
    case 'backlog':
      return { policy, scaler: backlogScaler(policy) };
    case 'headroom-10':
      return { policy, scaler: headroomScaler(policy, 10) };
    case 'headroom-30':
      return { policy, scaler: headroomScaler(policy, 30) };
  }
}

function calendarOf({ calendar }: Policy, name: string) {
  if (calendar === null) throw new CliError(`--policy ${name} needs --calendar`, EXIT.wrongUse);
  return calendar;
}

/** The calendar's file replaces the policy's table; what the table is for stays the policy's word. */
function withCalendar(policy: Policy, given: CalendarFile | null): Policy {
  if (given === null) return policy;
  const { role, servedShare } = policy.calendar ?? given.calendar;
  return { ...policy, timeZone: given.timeZone, calendar: { ...given.calendar, role, servedShare } };
}

const HOUR_MS = 3_600_000;

function callsOf(arrivals: ArrivalsFile, policy: Policy, fromMs: number, seed: number): Call[] {
  const { sessions, sessionSeconds, sessionCv, scale, earlierMinutes, bursts } = arrivals;
  if (sessions !== undefined) {
    const calls = sessions.map(({ atSeconds, seconds }) => ({ atMs: atSeconds * 1000, holdMs: seconds * 1000 }));
    return calls.sort((a, b) => a.atMs - b.atMs);
  }
  const minutesOf = (at: string): number => Number(at.slice(0, 2)) * 60 + Number(at.slice(3));
  const plan = {
    sessionsByHour: sessionsByHour(arrivals, policy, fromMs),
    holding: { meanMs: sessionSeconds * 1000, cv: sessionCv },
    scale,
    earlierMs: earlierMinutes * 60_000,
    bursts: bursts.map(({ at, minutes, factor }) => ({
      fromMs: minutesOf(at) * 60_000,
      forMs: minutes * 60_000,
      factor,
    })),
  };
  return drawDay(plan, seed);
}

/** As told, or the most that the calendar's workers of each hour serve in time. */
function sessionsByHour(arrivals: ArrivalsFile, policy: Policy, fromMs: number): readonly number[] {
  const { sessionsByHour: told, servedShare, withinSeconds, sessionSeconds } = arrivals;
  if (told !== 'calendar') return told ?? [];
  const { calendar, timeZone, slotsPerWorker } = policy;
  if (calendar === null) throw new CliError('sessionsByHour "calendar" needs --calendar', EXIT.wrongUse);
  const target = { servedShare, withinMs: withinSeconds * 1000 };
  return Array.from({ length: 24 }, (_, hour) => {
    const slots = tabledWorkers(calendar.timetable, fromMs + hour * HOUR_MS, timeZone) * slotsPerWorker;
    return loadFor(slots, target, sessionSeconds * 1000) * (3600 / sessionSeconds);
  });
}
