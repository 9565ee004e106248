/** The goals of the scaler, by the policy that ships, on seeds that it was not tuned on. */
import { median, outcomes, SCENARIOS } from './scenarios.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

test.each(SCENARIOS)(
  '$name: the policy keeps to its goals of hours and waits, and cuts no session',
  (scenario) => {
    const { goal } = scenario;
    const days = outcomes(scenario, 'the policy', SEEDS);
    const seen = {
      hoursRatio: median(days.map(({ hoursRatio }) => hoursRatio)),
      shareWaited: median(days.map(({ shareWaited }) => shareWaited)),
      p99Seconds: median(days.map(({ p99Seconds }) => p99Seconds)),
    };
    const fails = Object.entries(goal).filter(([key, most]) => seen[key as keyof typeof seen] > most);
    expect({ seen, fails }).toEqual({ seen, fails: [] });
    expect(days.map(({ cut }) => cut)).toEqual(SEEDS.map(() => 0));
  },
  60_000,
);

test('the baselines do what they are known for: the table fails a busier and an earlier day, headroom 30 wastes', () => {
  const [plan, , busier, earlier] = SCENARIOS;
  if (plan === undefined || busier === undefined || earlier === undefined) throw new Error('scenarios are missing');
  const one = (scenario: typeof plan, contender: string) => outcomes(scenario, contender, [1])[0];
  expect(one(busier, 'static table')?.shareWaited).toBeGreaterThan(0.9);
  expect(one(earlier, 'static table')?.shareWaited).toBeGreaterThan(0.2);
  expect(one(plan, 'headroom 30')?.hoursRatio).toBeGreaterThan(1.15);
  expect(one(plan, 'backlog (KEDA)')?.shareWaited).toBeGreaterThan(0.15);
});
