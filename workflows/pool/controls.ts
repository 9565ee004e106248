/** What operators may tell a pool's scaler: the validators of its updates (each answers what is wrong, or null), and what follows. */
import { policyFault } from './policy-fault.ts';
import type { Calendar, Policy, Timetable } from './policy.ts';
import type { Limits, Override, PoolState } from './state.ts';

/** Beyond this an override is a change of policy. */
export const LONGEST_OVERRIDE_MS = 30 * 86_400_000;

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** The most workers that any decision may ask for. */
export const mostDecided = ({ maxWorkers, burst }: Policy): number => maxWorkers + (burst?.maxWorkers ?? 0);

/** @returns what is wrong with an override, and what is allowed; null where nothing is */
export function overrideFault({ workers, untilMs, by }: Override, policy: Policy, nowMs: number): string | null {
  const most = mostDecided(policy);
  if (!isCount(workers) || workers > most) return `workers is ${workers}: allowed is a whole number from 0 to ${most}`;
  if (!(untilMs > nowMs)) return 'the override ends in the past: untilMs must lie ahead';
  if (untilMs - nowMs > LONGEST_OVERRIDE_MS)
    return 'the override ends too late: allowed are 30 days; change the policy instead';
  return by === '' ? 'by is empty: say who overrides' : null;
}

/** @returns what is wrong with an operator's limits, and what is allowed; null where nothing is */
export function limitsFault({ minWorkers, maxWorkers }: Limits, policy: Policy): string | null {
  const most = mostDecided(policy);
  if (!isCount(minWorkers)) return `minWorkers is ${minWorkers}: allowed is a whole number from 0`;
  if (!isCount(maxWorkers) || maxWorkers > most)
    return `maxWorkers is ${maxWorkers}: allowed is a whole number from 0 to ${most}`;
  return minWorkers > maxWorkers ? `minWorkers ${minWorkers} is above maxWorkers ${maxWorkers}` : null;
}

/** As in a policy's file (infra/pool/policy-file.ts). */
export const MOST_WORKERS = 100_000;
export const MOST_ENTRIES = 200;
export const LONGEST_LEAD_MS = 86_400_000;

/** @returns what is wrong with an operator's calendar, and what is allowed; null where nothing is */
export function calendarFault(calendar: Calendar, policy: Policy): string | null {
  const { timetable, leadMs, role, servedShare } = calendar;
  const table = tableFault(timetable);
  if (table !== null) return `timetable: ${table}`;
  if (!(leadMs >= 0 && leadMs <= LONGEST_LEAD_MS)) return `leadMs is ${leadMs}: allowed are 0 to ${LONGEST_LEAD_MS}`;
  if (!ROLES.includes(role)) return `role is ${role}: allowed are ${ROLES.join(', ')}`;
  if (!(servedShare >= 0.5 && servedShare <= 0.9999)) return `servedShare is ${servedShare}: allowed are 0.5 to 0.9999`;
  return policyFault({ ...policy, calendar });
}

const ROLES: readonly Calendar['role'][] = ['floor', 'expected'];

function tableFault(timetable: Timetable): string | null {
  const numbers =
    timetable.kind === 'hours' ? timetable.workersByHour : timetable.entries.map(({ workers }) => workers);
  const wrong = numbers.find((workers) => !isCount(workers) || workers > MOST_WORKERS);
  if (wrong !== undefined) return `workers are ${wrong}: allowed is a whole number from 0 to ${MOST_WORKERS}`;
  if (timetable.kind === 'hours') {
    return numbers.length === 24
      ? null
      : `workersByHour has ${numbers.length} numbers: allowed are 24, of each hour one`;
  }
  const isSome = numbers.length >= 1 && numbers.length <= MOST_ENTRIES;
  return isSome ? null : `${numbers.length} entries: allowed are 1 to ${MOST_ENTRIES}`;
}

/** The policy with what operators have said in its place. */
export const followedPolicy = (policy: Policy, { calendar }: PoolState): Policy =>
  calendar == null ? policy : { ...policy, calendar };

export const withOverride = (state: PoolState, override: Override | null): PoolState => ({ ...state, override });

/** A paused scaler leaves the pool as it is, whoever changes it, until it is resumed. */
export const withPause = (state: PoolState, paused: boolean): PoolState => ({ ...state, paused });

export const withCalendar = (state: PoolState, calendar: Calendar | null): PoolState => ({ ...state, calendar });

export const withLimits = (state: PoolState, limits: Limits | null): PoolState => ({ ...state, limits });
