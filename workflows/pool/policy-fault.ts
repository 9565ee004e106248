/** What no single field of a policy can show: whether its fields make sense together. */
import { lastFiring, parseCron } from './cron.ts';
import { isTimeZone } from './local-time.ts';
import type { Policy, Timetable } from './policy.ts';

/** @returns what is wrong and what is allowed, or null */
export function policyFault(policy: Policy): string | null {
  const { timeZone, minWorkers, maxWorkers, calendar, burst, prices, forecast } = policy;
  if (!isTimeZone(timeZone)) return `timeZone "${timeZone}" is not known: allowed are IANA names, e.g. Europe/Berlin`;
  if (minWorkers > maxWorkers) return `minWorkers ${minWorkers} is above maxWorkers ${maxWorkers}`;
  if (burst?.maxCostPerDay != null && prices === null) return 'burst.maxCostPerDay needs prices';
  const table = calendar && timetableFault(calendar.timetable);
  if (table !== null) return `calendar: ${table}`;
  const decides = [calendar?.role === 'floor', policy.headroom !== null, policy.backlog !== null, forecast !== null];
  if (decides.includes(true)) return null;
  return 'nothing decides: give headroom, backlog, forecast, or a calendar whose role is floor';
}

/** A day in the middle of nowhere: an entry that has never fired until then never does. */
const LATE = Date.UTC(2100, 0, 1);

/** @returns what is wrong with a timetable, or null */
export function timetableFault(timetable: Timetable): string | null {
  if (timetable.kind === 'hours') return null;
  for (const { cron } of timetable.entries) {
    try {
      parseCron(cron);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
    if (lastFiring(cron, LATE) === null) return `cron entry "${cron}" never fires`;
  }
  return null;
}
