/**
 * Cron entries of five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday; names of months and
 * days; lists, ranges, steps). Where both days are restricted either suffices, as in Vixie cron. In wall-clock time: an
 * entry within the hour that daylight saving leaves out counts from the end of that hour.
 */

interface Schedule {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly number[];
  readonly months: readonly number[];
  readonly weekdays: readonly number[];
  readonly eitherDay: boolean;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names: readonly string[];
}

const FIELDS: readonly [Field, Field, Field, Field, Field] = [
  { name: 'minute', from: 0, to: 59, names: [] },
  { name: 'hour', from: 0, to: 23, names: [] },
  { name: 'day of month', from: 1, to: 31, names: [] },
  { name: 'month', from: 1, to: 12, names: MONTHS },
  { name: 'day of week', from: 0, to: 7, names: DAYS },
];

const parsed = new Map<string, Schedule>();

/** @throws Error that says which field is wrong and what is allowed */
export function parseCron(cron: string): Schedule {
  const known = parsed.get(cron);
  if (known !== undefined) return known;
  const texts = cron.trim().split(/\s+/);
  if (texts.length !== 5) {
    throw new Error(
      `cron entry "${cron}": ${texts.length} fields; allowed: minute hour day-of-month month day-of-week`,
    );
  }
  const values = (at: 0 | 1 | 2 | 3 | 4): number[] => fieldValues(texts[at] ?? '', FIELDS[at], cron);
  const schedule: Schedule = {
    minutes: values(0),
    hours: values(1),
    days: values(2),
    months: values(3),
    weekdays: [...new Set(values(4).map((day) => day % 7))],
    eitherDay: !(texts[2] ?? '').startsWith('*') && !(texts[4] ?? '').startsWith('*'),
  };
  parsed.set(cron, schedule);
  return schedule;
}

function fieldValues(text: string, field: Field, cron: string): number[] {
  const found = new Set<number>();
  for (const piece of text.split(',')) {
    const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d+))?$/i.exec(piece);
    const [, first = '', last, step] = match ?? [];
    const from = first === '*' ? field.from : numberOf(first, field);
    const until = first === '*' || (last === undefined && step !== undefined) ? field.to : from;
    const to = last === undefined ? until : numberOf(last, field);
    const by = step === undefined ? 1 : Number(step);
    if (from === null || to === null || to < from || by < 1 || (first === '*' && last !== undefined)) {
      const names = field.names.length > 0 ? ` or ${field.names[0] ?? ''} to ${field.names.at(-1) ?? ''}` : '';
      throw new Error(
        `cron entry "${cron}": ${field.name} "${piece}"; allowed: *, ${field.from} to ${field.to}${names}, ranges a-b, steps */n, lists by comma`,
      );
    }
    for (let value = from; value <= to; value += by) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

function numberOf(text: string, { from, to, names }: Field): number | null {
  const named = names.indexOf(text.toLowerCase());
  const value = named >= 0 ? named + from : /^\d+$/.test(text) ? Number(text) : NaN;
  return value >= from && value <= to ? value : null;
}

const DAY_MS = 86_400_000;
/** A 29th of February on a Monday comes back after 28 years, 40 where a century is between. */
const SEARCH_DAYS = 366 * 41;

/**
 * When the entry last fired at or before a wall-clock reading ({@link latestWallMs}), as such a reading; null if never.
 */
export function lastFiring(cron: string, wall: number): number | null {
  const schedule = parseCron(cron);
  const today = Math.floor(wall / DAY_MS) * DAY_MS;
  for (let back = 0; back < SEARCH_DAYS; back += 1) {
    const day = today - back * DAY_MS;
    if (!firesOn(schedule, day)) continue;
    const minute = lastMinute(schedule, back === 0 ? Math.floor((wall - day) / 60_000) : 1439);
    if (minute !== null) return day + minute * 60_000;
  }
  return null;
}

function firesOn({ days, months, weekdays, eitherDay }: Schedule, day: number): boolean {
  const date = new Date(day);
  if (!months.includes(date.getUTCMonth() + 1)) return false;
  const [byDay, byWeekday] = [days.includes(date.getUTCDate()), weekdays.includes(date.getUTCDay())];
  return eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

/** The last minute of the day, at most `limit`, at which it fires. */
function lastMinute({ hours, minutes }: Schedule, limit: number): number | null {
  const least = minutes[0] ?? 0;
  const hour = hours.findLast((each) => each * 60 + least <= limit);
  if (hour === undefined) return null;
  const minute = minutes.findLast((each) => hour * 60 + each <= limit);
  return minute === undefined ? null : hour * 60 + minute;
}
