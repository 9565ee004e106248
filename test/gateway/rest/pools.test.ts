/** Pools over REST: an operator's calendar, and what a pool and its sessions cost. */
import { initialPoolState } from '../../../workflows/pool/state.ts';
import type { PoolState } from '../../../workflows/pool/state.ts';
import type { PoolView } from '../../../workflows/pool/contract.ts';
import type { Policy } from '../../../workflows/pool/policy.ts';
import { Edge } from '../../harness/edge.ts';
import { observed, policyOf } from '../../workflows/pool/given.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

function given(state: Partial<PoolState> = {}, policy: Partial<Policy> = {}): void {
  const view: PoolView = {
    model: 'en',
    policy: policyOf({ headroom: { idleSlots: 1, idleShare: 0 }, ...policy }),
    state: { ...initialPoolState, ...state },
    observation: observed(2),
    decisions: [],
    fault: null,
  };
  edge.backstage.pools.views.set('en', view);
}

async function ask(method: string, path: string, json?: unknown) {
  const init = { body: JSON.stringify(json), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`${edge.url}/v1/pools/en${path}`, { method, ...(json === undefined ? {} : init) });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const byHour = { kind: 'hours', workersByHour: Array<number>(24).fill(4) };

test('an operator’s calendar is set, shown with its defaults, and lifted', async () => {
  given();
  const set = await ask('PUT', '/calendar', { timetable: byHour, role: 'floor' });
  expect(set.status).toBe(200);
  const calendar = { timetable: byHour, leadMs: 0, role: 'floor', servedShare: 0.99 };
  expect(set.body).toMatchObject({ id: 'en', timeZone: 'Asia/Singapore', calendar });
  expect((await ask('GET', '')).body).toMatchObject({ calendar });
  expect((await ask('DELETE', '/calendar')).body).toMatchObject({ calendar: null });
});

test.each([
  [{}, 'timetable: '],
  [{ timetable: { ...byHour, workersByHour: [1, 2, 3] } }, 'timetable.workersByHour: '],
  [{ timetable: byHour, leadMs: -1 }, 'leadMs: '],
  [{ timetable: byHour, lead: 1 }, '"lead" is no parameter: one of timetable, leadMs, role, servedShare'],
  [
    { timetable: { kind: 'cron', entries: [{ cron: '0 25 * * *', workers: 1 }] } },
    'cron entry "0 25 * * *": hour "25"',
  ],
])('a wrong calendar is refused with where it is wrong (%#)', async (calendar, why) => {
  given();
  const { status, body } = await ask('PUT', '/calendar', calendar);
  expect({ status, type: body['code'] }).toMatchObject({ status: 400 });
  expect(body['detail']).toContain(why);
  expect((await ask('GET', '')).body).toMatchObject({ calendar: null });
});

test('a pool’s cost is shown by day, month, session and tenant', async () => {
  const day = { day: '2026-01-05', standingHours: 40, burstHours: 0, hours: 10, sessions: 8 };
  const tenants = { harbour: { sessions: 3, slotMs: 100 }, rescue: { sessions: 5, slotMs: 300 } };
  const older = { month: '2025-12', tenants: { gone: { sessions: 1, slotMs: 1 } } };
  const prices = { currency: 'USD', standingWorkerHour: 0.1, burstWorkerHour: 0.3, poolHour: 0 };
  given({ spent: [day], used: [older, { month: '2026-01', tenants }] }, { prices });
  const { body } = await ask('GET', '');
  expect(body['cost']).toMatchObject({
    currency: 'USD',
    days: [{ ...day, cost: 4, costPerSession: 0.5 }],
    month: { soFar: 4, sessions: 8, costPerSession: 0.5 },
    tenants: [
      { tenant: 'rescue', sessions: 5, slotMs: 300, cost: 3 },
      { tenant: 'harbour', sessions: 3, slotMs: 100, cost: 1 },
    ],
  });
});

test('a pool of an earlier version, or without a session, has nobody to charge; one without prices has no cost', async () => {
  const prices = { currency: 'USD', standingWorkerHour: 0.1, burstWorkerHour: 0.3, poolHour: 0 };
  given({ spent: [{ day: '2026-01-05', standingHours: 40, burstHours: 0, hours: 10 }] }, { prices });
  expect((await ask('GET', '')).body['cost']).toMatchObject({
    days: [{ cost: 4, sessions: 0, costPerSession: null }],
    month: { sessions: 0, costPerSession: null },
    tenants: [],
  });
  given();
  expect((await ask('GET', '')).body['cost']).toBeNull();
});
