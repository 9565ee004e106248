/** What a pool costs: hours × prices. */
import { dayName, localTime } from './local-time.ts';
import type { SlotUse, Workers } from './observation.ts';
import type { Policy, Prices } from './policy.ts';
import type { DaySpent, MonthUsed } from './state.ts';

const HOUR_MS = 3_600_000;
/** Enough for the month under way and the one before. */
const DAYS_KEPT = 62;

export interface Hours {
  readonly standingHours: number;
  readonly burstHours: number;
  /** Wall-clock hours for which the pool stood. */
  readonly hours: number;
}

export const costOf = ({ standingHours, burstHours, hours }: Hours, prices: Prices): number =>
  standingHours * prices.standingWorkerHour + burstHours * prices.burstWorkerHour + hours * prices.poolHour;

/** Adds the time since the last look; workers are taken to have been there all along. A stretch over midnight is the new day's. */
export function withSpent(
  spent: readonly DaySpent[],
  workers: Workers,
  now: { readonly fromMs: number; readonly toMs: number; readonly timeZone: string; readonly sessions?: number },
): DaySpent[] {
  const { fromMs, toMs, timeZone, sessions = 0 } = now;
  const hours = Math.max(0, toMs - fromMs) / HOUR_MS;
  const day = dayName(localTime(toMs, timeZone));
  const last = spent.at(-1);
  const before: DaySpent = last?.day === day ? last : { day, standingHours: 0, burstHours: 0, hours: 0 };
  const updated = {
    day,
    standingHours: before.standingHours + workers.standing * hours,
    burstHours: before.burstHours + workers.burst * hours,
    hours: before.hours + hours,
    sessions: (before.sessions ?? 0) + sessions,
  };
  return [...(last?.day === day ? spent.slice(0, -1) : spent), updated].slice(-DAYS_KEPT);
}

/** What one more burst worker is expected to cost: it starts, serves one session, and ends. */
const burstWorkerCost = (prices: Prices, startUpMs: number, sessionMs: number): number =>
  ((startUpMs + sessionMs) / HOUR_MS) * prices.burstWorkerHour;

/** How many burst workers may be there at once: as many as what is left of the day's money pays for; null: no cap. */
export function burstWithinCap(
  { burst, prices }: Policy,
  spent: readonly DaySpent[],
  now: { readonly day: string; readonly startUpMs: number; readonly sessionMs: number },
): number | null {
  if (burst?.maxCostPerDay == null || prices === null) return null;
  const today = spent.findLast(({ day }) => day === now.day)?.burstHours ?? 0;
  const left = burst.maxCostPerDay - today * prices.burstWorkerHour;
  const each = burstWorkerCost(prices, now.startUpMs, now.sessionMs);
  return each <= 0 ? null : Math.max(0, Math.floor(left / each + 1e-9));
}

const MONTHS_KEPT = 2;
/** Tenants that have a number of their own in a month; what others used is summed up. */
const TENANTS_KEPT = 1000;
export const OTHER_TENANTS = '(others)';

/** The month of a moment: `2026-03`. */
export const monthName = ({ atMs, timeZone }: { readonly atMs: number; readonly timeZone: string }): string =>
  dayName(localTime(atMs, timeZone)).slice(0, 7);

/** Adds the slots of sessions that have ended, for those who pay for them. */
export function withUsed(
  used: readonly MonthUsed[],
  ended: Readonly<Record<string, SlotUse>>,
  now: { readonly atMs: number; readonly timeZone: string },
): readonly MonthUsed[] {
  if (Object.keys(ended).length === 0) return used;
  const month = monthName(now);
  const last = used.at(-1);
  const tenants: Record<string, SlotUse> = { ...(last?.month === month ? last.tenants : {}) };
  for (const [tenant, { sessions, slotMs }] of Object.entries(ended)) {
    const isNamed = Object.hasOwn(tenants, tenant) || Object.keys(tenants).length < TENANTS_KEPT;
    const name = isNamed ? tenant : OTHER_TENANTS;
    const before = tenants[name] ?? { sessions: 0, slotMs: 0 };
    tenants[name] = { sessions: before.sessions + sessions, slotMs: before.slotMs + slotMs };
  }
  return [...(last?.month === month ? used.slice(0, -1) : used), { month, tenants }].slice(-MONTHS_KEPT);
}

/** What a tenant's sessions used, and what of the cost that is. */
export interface CostShare extends SlotUse {
  readonly cost: number;
}

/**
 * Who caused a cost: by slot time, so that idle workers are paid by those for whose sake they stand there.
 * Where no slot was used there is nobody to charge.
 */
export function costByTenant(
  cost: number,
  tenants: Readonly<Record<string, SlotUse>>,
): Readonly<Record<string, CostShare>> {
  const all = Object.values(tenants).reduce((sum, { slotMs }) => sum + slotMs, 0);
  return Object.fromEntries(
    Object.entries(tenants).map(([tenant, use]) => [tenant, { ...use, cost: all > 0 ? (cost * use.slotMs) / all : 0 }]),
  );
}

/** What a session costs on average; null where there was none. */
export const costPerSession = (cost: number, sessions: number): number | null =>
  sessions > 0 ? cost / sessions : null;

/** The day on which daylight saving begins has 23. */
const WHOLE_DAY_HOURS = 22.5;

const daysInMonth = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

export interface MonthForecast {
  readonly soFar: number;
  /** What is spent, and the days that are left at the mean of the days that are known whole. */
  readonly forecast: number;
}

/** The month of a moment: spent so far, and what it will come to. */
export function monthForecast(
  spent: readonly DaySpent[],
  prices: Prices,
  { atMs, timeZone }: { readonly atMs: number; readonly timeZone: string },
): MonthForecast {
  const now = localTime(atMs, timeZone);
  const month = monthName({ atMs, timeZone });
  const soFar = spent.filter(({ day }) => day.startsWith(month)).reduce((sum, each) => sum + costOf(each, prices), 0);
  // A day of which only the night is known would mislead.
  const whole = spent.filter(({ day, hours }) => day !== dayName(now) && hours > WHOLE_DAY_HOURS);
  const known = whole.length > 0 ? whole : spent;
  const hoursKnown = known.reduce((sum, { hours }) => sum + hours, 0);
  const cost = known.reduce((sum, each) => sum + costOf(each, prices), 0);
  const perHour = hoursKnown > 0 ? cost / hoursKnown : 0;
  const gone = (now.day - 1) * 24 + now.hour + now.minute / 60;
  const hoursLeft = Math.max(0, daysInMonth(now.year, now.month) * 24 - gone);
  return { soFar, forecast: soFar + perHour * hoursLeft };
}
