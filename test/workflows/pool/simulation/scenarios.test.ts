/** The goals of the scaler, by the policy that ships, on seeds that it was not tuned on. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, SCENARIOS, severalSlotsDay } from './scenarios.ts';
import type { Outcome } from './scenarios.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

/** Ten days of each scenario, by a process of its own: four times as fast as among the tests. */
async function daysOf(who: string, seeds: number): Promise<Record<string, Outcome[]>> {
  const args = ['test/bench/scaling.ts', '--seeds', String(seeds), '--json', who];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
  return JSON.parse(stdout) as Record<string, Outcome[]>;
}

let policy: Record<string, Outcome[]>;
beforeAll(async () => {
  policy = await daysOf('the policy', 10);
}, 300_000);

const middle = (days: readonly Outcome[], figure: keyof Outcome): number => median(days.map((day) => day[figure]));

test.each(SCENARIOS)(
  '$name: the policy keeps to its goals of hours and waits, and cuts no session',
  ({ name, goal }) => {
    const days = policy[name] ?? [];
    expect(days).toHaveLength(10);
    const seen = Object.entries(goal).map(([figure, most]) => ({
      figure,
      most,
      is: middle(days, figure as keyof Outcome),
    }));
    expect(seen.filter(({ is, most }) => !(is <= most))).toEqual([]);
    expect(days.filter(({ cut }) => cut !== 0)).toEqual([]);
  },
);

test('the static table fails a busier day and one that comes early, as the goals say', async () => {
  const table = await daysOf('static table', 1);
  expect(middle(table['150 % of the calls'] ?? [], 'shareWaited')).toBeGreaterThan(0.95);
  expect(middle(table['all an hour early'] ?? [], 'shareWaited')).toBeGreaterThan(0.2);
  expect(middle(table['planned day'] ?? [], 'hoursRatio')).toBe(1);
}, 60_000);

test('workers of four slots serve the planned day as well, with at most a twentieth more slot-hours', () => {
  const [planned] = SCENARIOS;
  if (planned === undefined) throw new Error('no scenario');
  const days = [1, 2, 3].map((seed) => severalSlotsDay(planned, seed));
  const ofOneSlot = (policy[planned.name] ?? []).slice(0, days.length);
  expect(median(days.map(({ shareWaited }) => shareWaited))).toBeLessThanOrEqual(planned.goal.shareWaited);
  expect(days.map(({ cut }) => cut)).toEqual([0, 0, 0]);
  const hours = (all: readonly { readonly workerHours: number }[]) => median(all.map(({ workerHours }) => workerHours));
  expect(hours(days) / hours(ofOneSlot)).toBeLessThan(1.05);
}, 60_000);
