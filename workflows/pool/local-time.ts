/** The wall clock of a time zone, daylight saving included, by ICU's tables (`Intl`): no clock is read. */

export interface LocalTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  /** Day of the month, from 1. */
  readonly day: number;
  /** 0 to 23. */
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = 'numeric' as const;
  const fields = { year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric };
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', calendar: 'gregory', ...fields });
  formats.set(timeZone, format);
  return format;
}

const QUARTER_MS = 900_000;
const MOST_KNOWN = 5000;

/** Of a quarter of an hour: zones change their offset, and hours begin, nowhere else. */
interface Quarter {
  /** What the wall clock is ahead of UTC, in milliseconds. */
  readonly offsetMs: number;
  readonly hourOfWeek: number;
}

const zones = new Map<string, Map<number, Quarter>>();

/** Reckoned once for each. */
function quarterAt(atMs: number, timeZone: string): Quarter {
  let known = zones.get(timeZone);
  if (known === undefined) zones.set(timeZone, (known = new Map<number, Quarter>()));
  const number = Math.floor(atMs / QUARTER_MS);
  const before = known.get(number);
  if (before !== undefined) return before;
  const quarter = reckoned(number * QUARTER_MS, timeZone);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(number, quarter);
  return quarter;
}

function reckoned(fromMs: number, timeZone: string): Quarter {
  const parts = formatOf(timeZone).formatToParts(fromMs);
  const value = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
  const [year, month, day] = [value('year'), value('month'), value('day')];
  const wall = Date.UTC(year, month - 1, day, value('hour'), value('minute'), value('second'));
  const weekday = (new Date(wall).getUTCDay() + 6) % 7;
  return { offsetMs: wall - fromMs, hourOfWeek: weekday * 24 + value('hour') };
}

/** @throws RangeError where the zone is not known */
export function localTime(atMs: number, timeZone: string): LocalTime {
  const wall = new Date(atMs + quarterAt(atMs, timeZone).offsetMs);
  return {
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  };
}

/** Whether the zone is known here. */
export function isTimeZone(timeZone: string): boolean {
  try {
    formatOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** 0 (Monday, midnight) to 167. */
export const hourOfWeek = (atMs: number, timeZone: string): number => quarterAt(atMs, timeZone).hourOfWeek;

/** `2026-03-29`: the day for which money is counted. */
export const dayName = ({ year, month, day }: LocalTime): string =>
  `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;

/** No zone sets its clock back by more, Antarctica's Troll with its two hours included. */
const LONGEST_REPEAT_MS = 3 * 3_600_000;

/**
 * A reading of the wall clock as a number that orders like it: milliseconds as if the zone were UTC.
 * The latest reading that the wall clock has shown up to now: in the hour that is repeated when daylight saving ends it
 * stands still, so that what has fired in the first pass stays fired.
 */
export function latestWallMs(atMs: number, timeZone: string): number {
  const offset = (at: number): number => quarterAt(at, timeZone).offsetMs;
  const reading = (at: number): number => at + offset(at);
  const [before, now] = [offset(atMs - LONGEST_REPEAT_MS), offset(atMs)];
  if (before <= now) return reading(atMs);
  let early = Math.floor(atMs / QUARTER_MS) * QUARTER_MS;
  while (offset(early - 1) === now) early -= QUARTER_MS;
  return Math.max(reading(atMs), reading(early - 1));
}

/** When a day (`2026-03-29`) begins in a zone. */
export function midnightOf(day: string, timeZone: string): number {
  const wall = Date.parse(`${day}T00:00:00Z`);
  const near = wall - quarterAt(wall, timeZone).offsetMs;
  return wall - quarterAt(near, timeZone).offsetMs;
}
