/** What operators tell the scaler, and what is refused with what words. */
import { calendarSchema } from '../../../gateway/rest/pool-schemas.ts';
import { parsePolicy } from '../../../infra/pool/policy-file.ts';
import {
  calendarFault,
  followedPolicy,
  limitsFault,
  overrideFault,
  withCalendar,
  withLimits,
  withOverride,
  withPause,
} from '../../../workflows/pool/controls.ts';
import { decide } from '../../../workflows/pool/decide.ts';
import { initialPoolState } from '../../../workflows/pool/state.ts';
import { policyFault } from '../../../workflows/pool/policy-fault.ts';
import type { Calendar } from '../../../workflows/pool/policy.ts';
import type { Override } from '../../../workflows/pool/state.ts';
import { MONDAY_MS, observed, policyOf } from './given.ts';

const policy = policyOf({ headroom: { idleSlots: 5, idleShare: 0 } });
const override: Override = { workers: 40, untilMs: MONDAY_MS + 60_000, by: 'ada', why: 'an exercise' };

test('an override decides until its end, which is said once', () => {
  const during = decide(policy, observed(3, 5), withOverride(initialPoolState, override));
  expect(during.decision).toMatchObject({ target: 40, rule: 'override', numbers: { headroom: 8, override: 40 } });
  expect(during.decision.sentence).toMatch(
    /^Override: 40 workers, by ada until .* \(an exercise\); the rules want 8\.$/,
  );

  const after = decide(policy, observed(3, 37, { atMs: override.untilMs }), during.state);
  expect(after.decision).toMatchObject({ target: 8, rule: 'headroom', notices: [{ kind: 'overrideEnded' }] });
  expect(decide(policy, observed(3, 5, { atMs: override.untilMs + 5000 }), after.state).decision.notices).toEqual([]);
});

test('an override to fewer workers than are busy keeps the busy ones', () => {
  const { decision } = decide(policy, observed(9), withOverride(initialPoolState, { ...override, workers: 2 }));
  expect(decision).toMatchObject({ target: 9, rule: 'busy', numbers: { override: 2 } });
});

test.each([
  [{ ...override, workers: 101 }, 'workers is 101: allowed is a whole number from 0 to 100'],
  [{ ...override, workers: 2.5 }, 'workers is 2.5: allowed is a whole number from 0 to 100'],
  [{ ...override, untilMs: MONDAY_MS }, 'the override ends in the past: untilMs must lie ahead'],
  [{ ...override, untilMs: NaN }, 'the override ends in the past: untilMs must lie ahead'],
  [{ ...override, untilMs: Infinity }, 'the override ends too late: allowed are 30 days; change the policy instead'],
  [{ ...override, by: '' }, 'by is empty: say who overrides'],
  [override, null],
])('an override is refused with what is wrong and what is allowed (%#)', (wish, fault) => {
  expect(overrideFault(wish, policy, MONDAY_MS)).toBe(fault);
});

test.each([
  [{ minWorkers: -1, maxWorkers: 5 }, 'minWorkers is -1: allowed is a whole number from 0'],
  [{ minWorkers: 0, maxWorkers: 101 }, 'maxWorkers is 101: allowed is a whole number from 0 to 100'],
  [{ minWorkers: 6, maxWorkers: 5 }, 'minWorkers 6 is above maxWorkers 5'],
  [{ minWorkers: 5, maxWorkers: 5 }, null],
])('limits are refused with what is wrong and what is allowed (%#)', (limits, fault) => {
  expect(limitsFault(limits, policy)).toBe(fault);
});

test('limits replace the policy’s bounds until they are lifted', () => {
  const limited = withLimits(initialPoolState, { minWorkers: 20, maxWorkers: 30 });
  expect(decide(policy, observed(3, 5), limited).decision).toMatchObject({ target: 20, rule: 'minimum' });
  expect(decide(policy, observed(28, 2), limited).decision).toMatchObject({ target: 30, rule: 'maximum' });
  expect(decide(policy, observed(3, 5), withLimits(limited, null)).decision).toMatchObject({ target: 8 });
});

test('a paused scaler leaves the pool as it is, whoever changes it', () => {
  const paused = withPause(initialPoolState, true);
  const first = decide(policy, observed(3, 50), paused);
  expect(first.decision).toMatchObject({ target: 53, rule: 'paused', numbers: { headroom: 8 } });
  const changed = decide(policy, observed(3, 7, { atMs: MONDAY_MS + 5000 }), first.state);
  expect(changed.decision).toMatchObject({ target: 10, workers: { standing: 10, burst: 0 }, notices: [] });
  const resumed = decide(policy, observed(3, 7, { atMs: MONDAY_MS + 9000 }), withPause(changed.state, false));
  expect(resumed.decision).toMatchObject({ target: 8, rule: 'headroom', notices: [] });
});

const day = (workers: number): number[] => Array<number>(24).fill(workers);
const hours = (workersByHour: number[], changes: Partial<Calendar> = {}): Calendar => ({
  timetable: { kind: 'hours', workersByHour },
  ...{ leadMs: 0, role: 'floor', servedShare: 0.99 },
  ...changes,
});
const cron = (...crons: string[]): Calendar => ({
  ...hours([]),
  timetable: { kind: 'cron', entries: crons.map((each) => ({ cron: each, workers: 3 })) },
});

test('an operator’s calendar decides instead of the policy’s until it is lifted', () => {
  const own = { ...policy, calendar: hours(day(20)) };
  const decided = (state: typeof initialPoolState) =>
    decide(followedPolicy(own, state), observed(3, 5), state).decision;
  expect(decided(initialPoolState)).toMatchObject({ target: 20, rule: 'calendar' });
  const changed = withCalendar(initialPoolState, hours(day(30)));
  expect(decided(changed)).toMatchObject({ target: 30, rule: 'calendar' });
  expect(decided(withCalendar(changed, null))).toMatchObject({ target: 20, rule: 'calendar' });
});

test.each([
  [hours(day(5)), null],
  [cron('0 8 * * mon-fri', '0 18 * * *'), null],
  [hours([1, 2]), 'timetable: workersByHour has 2 numbers: allowed are 24, of each hour one'],
  [hours(day(1.5)), 'timetable: workers are 1.5: allowed is a whole number from 0 to 100000'],
  [hours(day(100_001)), 'timetable: workers are 100001: allowed is a whole number from 0 to 100000'],
  [cron(), 'timetable: 0 entries: allowed are 1 to 200'],
  [cron('0 24 * * *'), /^calendar: cron entry "0 24 \* \* \*": hour "24"; allowed: /],
  [cron('0 0 31 2 *'), 'calendar: cron entry "0 0 31 2 *" never fires'],
  [hours(day(5), { leadMs: -1 }), 'leadMs is -1: allowed are 0 to 86400000'],
  [hours(day(5), { role: 'most' as Calendar['role'] }), 'role is most: allowed are floor, expected'],
  [hours(day(5), { servedShare: 1 }), 'servedShare is 1: allowed are 0.5 to 0.9999'],
])('a calendar is refused by the workflow, by REST and in a policy file alike (%#)', (calendar, fault) => {
  const said = calendarFault(calendar, policy);
  if (fault instanceof RegExp) expect(said).toMatch(fault);
  else expect(said).toBe(fault);
  const byFile = (): string | null => policyFault(parsePolicy({ headroom: {}, calendar }));
  if (fault === null) expect(byFile()).toBeNull();
  else expect(() => expect(byFile()).toBeNull()).toThrow();
  // What cron entries mean is known to the workflow alone.
  const isAboutCron = fault !== null && said?.startsWith('calendar: cron');
  expect(calendarSchema.safeParse(calendar).success).toBe(fault === null || isAboutCron);
});
