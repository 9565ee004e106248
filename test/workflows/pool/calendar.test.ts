/** Timetables in wall-clock time: hours and cron entries, the lead, daylight saving; cron against croner. */
import { Cron } from 'croner';
import fc from 'fast-check';
import { calendarWorkers, tabledWorkers } from '../../../workflows/pool/calendar.ts';
import { lastFiring, parseCron } from '../../../workflows/pool/cron.ts';
import { hourOfWeek, isTimeZone, latestWallMs, localTime } from '../../../workflows/pool/local-time.ts';
import type { Timetable } from '../../../workflows/pool/policy.ts';
import { HOUR_MS, MONDAY_MS } from './given.ts';

const workersByHour = [2, 2, 1, 1, 1, 1, 2, 2, 55, 130, 140, 140, 140, 140, 140, 140, 140, 140, 110, 2, 2, 2, 2, 2];
const hours: Timetable = { kind: 'hours', workersByHour };
const cron = (...entries: [string, number][]): Timetable => ({
  kind: 'cron',
  entries: entries.map(([when, workers]) => ({ cron: when, workers })),
});
const SINGAPORE = 'Asia/Singapore';
const BERLIN = 'Europe/Berlin';

test('the hour of the table is the zone’s', () => {
  const table = Array.from({ length: 24 }, (_, hour) =>
    tabledWorkers(hours, MONDAY_MS + (hour + 0.5) * HOUR_MS, SINGAPORE),
  );
  expect(table).toEqual(workersByHour);
});

test('with a lead, rises come early and falls in time', () => {
  const calendar = { timetable: hours, leadMs: HOUR_MS / 2, role: 'floor', servedShare: 0.99 } as const;
  const at = (hour: number): number => calendarWorkers(calendar, MONDAY_MS + hour * HOUR_MS, SINGAPORE);
  expect([at(7.49), at(7.5), at(8.49), at(8.5)]).toEqual([2, 55, 55, 130]);
  expect([at(17.9), at(18.4), at(18.6), at(18.99), at(19)]).toEqual([140, 110, 110, 110, 2]);
});

test('the hour that daylight saving leaves out or repeats is the wall clock’s', () => {
  const byHour: Timetable = { kind: 'hours', workersByHour: Array.from({ length: 24 }, (_, hour) => hour) };
  const spring = Date.UTC(2026, 2, 29, 0);
  const autumn = Date.UTC(2026, 9, 25, 0);
  const read = (fromMs: number) => [0, 1, 2].map((hour) => tabledWorkers(byHour, fromMs + hour * HOUR_MS, BERLIN));
  expect(read(spring)).toEqual([1, 3, 4]);
  expect(read(autumn)).toEqual([2, 2, 3]);
});

test('of cron entries the one that fired last holds, over days and weekends', () => {
  const table = cron(['0 8 * * mon-fri', 50], ['30 18 * * 1-5', 2]);
  const at = (hour: number): number => tabledWorkers(table, MONDAY_MS + hour * HOUR_MS, SINGAPORE);
  expect([at(7.99), at(8), at(18.49), at(18.5), at(24 + 8)]).toEqual([2, 50, 50, 2, 50]);
  // Saturday and Sunday: Friday evening's.
  expect([at(5 * 24 + 12), at(6 * 24 + 12)]).toEqual([2, 2]);
});

test('before any entry has fired nothing is wanted', () => {
  expect(tabledWorkers(cron(['0 0 31 2 *', 5]), MONDAY_MS, SINGAPORE)).toBe(0);
});

test('what fires in the hour that is repeated fires once, and what falls into the hour left out fires at its end', () => {
  const table = cron(['0 0 * * *', 1], ['30 2 * * *', 7]);
  const autumn = Date.UTC(2026, 9, 25, 0);
  // 02:15, 02:45, then 02:15 again, 02:45 again, 03:15.
  const seen = [0.25, 0.75, 1.25, 1.75, 2.25].map((hour) => tabledWorkers(table, autumn + hour * HOUR_MS, BERLIN));
  expect(seen).toEqual([1, 7, 7, 7, 7]);
  const spring = Date.UTC(2026, 2, 29, 0);
  expect([0.75, 1.01].map((hour) => tabledWorkers(table, spring + hour * HOUR_MS, BERLIN))).toEqual([1, 7]);
});

// A step on a day: croner takes it for a restriction, Vixie cron and we do not.
const isDay = (to: number): boolean => to === 28 || to === 6;
const field = (from: number, to: number) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    fc.integer({ min: from, max: to }).map(String),
    fc
      .tuple(fc.integer({ min: from, max: to }), fc.nat({ max: 20 }))
      .map(([a, more]) => `${a}-${Math.min(to, a + more)}`),
    fc.integer({ min: 1, max: 12 }).map((step) => (isDay(to) ? '*' : `*/${step}`)),
    fc.tuple(fc.integer({ min: from, max: to }), fc.integer({ min: from, max: to })).map((pair) => pair.join(',')),
  );
const entry = fc
  .tuple(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 6))
  .map((fields) => fields.join(' '));

test('an entry last fired when croner says so', () => {
  fc.assert(
    fc.property(entry, fc.integer({ min: 0, max: 2 * 365 * 24 * 60 }), (when, minutes) => {
      const now = new Date(Date.UTC(2025, 0, 1) + minutes * 60_000);
      // croner's previous run lies strictly before its reference.
      const [previous] = new Cron(when, { timezone: 'UTC', paused: true }).previousRuns(
        1,
        new Date(now.getTime() + 1000),
      );
      expect(lastFiring(when, now.getTime())).toBe(previous?.getTime() ?? null);
    }),
    { seed: 7, numRuns: 400 },
  );
}, 30_000);

test.each([
  ['0 8 * *', 'cron entry "0 8 * *": 4 fields; allowed: minute hour day-of-month month day-of-week'],
  ['60 8 * * *', 'minute "60"; allowed: *, 0 to 59, ranges'],
  ['0 9-8 * * *', 'hour "9-8"'],
  ['0 8 0 * *', 'day of month "0"; allowed: *, 1 to 31'],
  ['0 8 * foo *', 'month "foo"; allowed: *, 1 to 12 or jan to dec'],
  ['0 8 * * mon-', 'day of week "mon-"; allowed: *, 0 to 7 or sun to sat'],
  ['*/0 8 * * *', 'minute "*/0"'],
  ['*-5 8 * * *', 'minute "*-5"'],
])('the entry "%s" is refused with the field and what is allowed', (text, message) => {
  expect(() => parseCron(text)).toThrow(message);
});

test('zones are known by their IANA names', () => {
  expect([isTimeZone('Asia/Kathmandu'), isTimeZone('Mars/Olympus')]).toEqual([true, false]);
  expect(localTime(Date.UTC(2026, 0, 1), 'Asia/Kathmandu')).toMatchObject({ hour: 5, minute: 45 });
  expect(hourOfWeek(MONDAY_MS + 25 * HOUR_MS, SINGAPORE)).toBe(25);
  expect(latestWallMs(MONDAY_MS, SINGAPORE)).toBe(Date.UTC(2026, 0, 5));
});
