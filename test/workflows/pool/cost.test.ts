/** Hours × prices: of a day, a month, a tenant, a session; what burst workers may cost. */
import {
  burstWithinCap,
  costByTenant,
  costOf,
  costPerSession,
  monthForecast,
  OTHER_TENANTS,
  withSpent,
  withUsed,
} from '../../../workflows/pool/cost.ts';
import type { DaySpent } from '../../../workflows/pool/state.ts';
import { HOUR_MS, MONDAY_MS, policyOf } from './given.ts';

const prices = { currency: 'USD', standingWorkerHour: 0.1, burstWorkerHour: 0.3, poolHour: 0.05 };
const timeZone = 'Asia/Singapore';

test('hours are counted by local day', () => {
  const at = { fromMs: MONDAY_MS - 2 * HOUR_MS, toMs: MONDAY_MS - HOUR_MS, timeZone };
  const sunday = withSpent([], { standing: 10, burst: 2 }, at);
  expect(sunday).toEqual([{ day: '2026-01-04', standingHours: 10, burstHours: 2, hours: 1, sessions: 0 }]);
  const more = withSpent(
    sunday,
    { standing: 4, burst: 0 },
    { fromMs: MONDAY_MS, toMs: MONDAY_MS + HOUR_MS / 2, timeZone, sessions: 3 },
  );
  expect(more.at(-1)).toEqual({ day: '2026-01-05', standingHours: 2, burstHours: 0, hours: 0.5, sessions: 3 });
  expect(costOf(sunday[0] as DaySpent, prices)).toBeCloseTo(10 * 0.1 + 2 * 0.3 + 0.05, 12);
});

test('two months of days are kept', () => {
  let spent: DaySpent[] = [];
  for (let day = 0; day < 90; day += 1) {
    const toMs = MONDAY_MS + day * 24 * HOUR_MS + HOUR_MS;
    spent = withSpent(spent, { standing: 1, burst: 0 }, { fromMs: toMs - HOUR_MS, toMs, timeZone });
  }
  expect(spent).toHaveLength(62);
  expect(spent.at(-1)?.day).toBe('2026-04-04');
});

test('tenants bear a cost by the slot time of their sessions', () => {
  const shares = costByTenant(30, { a: { sessions: 2, slotMs: 300 }, b: { sessions: 1, slotMs: 300 } });
  expect(shares).toEqual({
    a: { sessions: 2, slotMs: 300, cost: 15 },
    b: { sessions: 1, slotMs: 300, cost: 15 },
  });
  expect(costByTenant(30, {})).toEqual({});
  expect([costPerSession(30, 3), costPerSession(30, 0)]).toEqual([10, null]);
});

test('slots are counted by tenant and local month, two months of them; beyond a thousand tenants they are summed up', () => {
  const at = (atMs: number) => ({ atMs, timeZone });
  const one = { sessions: 1, slotMs: 1000 };
  const december = withUsed([], { a: one, b: one }, at(Date.UTC(2025, 11, 31, 15)));
  const january = withUsed(withUsed(december, { a: one }, at(Date.UTC(2025, 11, 31, 16))), { a: one }, at(MONDAY_MS));
  expect(january).toEqual([
    { month: '2025-12', tenants: { a: one, b: one } },
    { month: '2026-01', tenants: { a: { sessions: 2, slotMs: 2000 } } },
  ]);
  expect(withUsed(january, {}, at(MONDAY_MS))).toBe(january);
  const many = Object.fromEntries(Array.from({ length: 1002 }, (_, n) => [`t${n}`, one]));
  const february = withUsed(january, many, at(Date.UTC(2026, 1, 5)));
  expect(february.map(({ month }) => month)).toEqual(['2026-01', '2026-02']);
  expect(Object.keys(february[1]?.tenants ?? {})).toHaveLength(1001);
  expect(february[1]?.tenants[OTHER_TENANTS]).toEqual({ sessions: 2, slotMs: 2000 });
});

test('the month comes to what is spent and the days left at the mean of whole days', () => {
  const whole = (day: number): DaySpent => ({ day: `2026-01-0${day}`, standingHours: 1000, burstHours: 0, hours: 24 });
  const night: DaySpent = { day: '2026-01-05', standingHours: 2, burstHours: 0, hours: 6 };
  const free = { ...prices, poolHour: 0 };
  const { soFar, forecast } = monthForecast([whole(3), whole(4), night], free, {
    atMs: MONDAY_MS + 6 * HOUR_MS,
    timeZone,
  });
  expect(soFar).toBeCloseTo(200.2, 9);
  expect(forecast).toBeCloseTo(200.2 + 100 * 26.75, 9);
  // Of the first day there is nothing else to go by.
  const first = monthForecast([{ ...night, standingHours: 60 }], free, { atMs: MONDAY_MS + 6 * HOUR_MS, timeZone });
  expect(first.forecast).toBeCloseTo(6 + 24 * 26.75, 9);
  expect(monthForecast([], free, { atMs: MONDAY_MS, timeZone })).toEqual({ soFar: 0, forecast: 0 });
});

test('burst workers are as many as what is left of the day’s money pays for, start-up included', () => {
  const policy = policyOf({ prices, burst: { maxWorkers: 50, maxCostPerDay: 3 } });
  const now = { day: '2026-01-05', startUpMs: HOUR_MS / 2, sessionMs: HOUR_MS / 2 };
  expect(burstWithinCap(policy, [], now)).toBe(10);
  const spent = [{ day: '2026-01-05', standingHours: 100, burstHours: 8, hours: 10 }];
  expect(burstWithinCap(policy, spent, now)).toBe(2);
  expect(burstWithinCap(policy, [{ ...(spent[0] as DaySpent), burstHours: 40 }], now)).toBe(0);
  expect(burstWithinCap(policy, spent, { ...now, day: '2026-01-06' })).toBe(10);
  expect(burstWithinCap(policyOf({ prices, burst: { maxWorkers: 50, maxCostPerDay: null } }), [], now)).toBe(null);
});
