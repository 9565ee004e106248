import { Admission } from '../../../gateway/live/admission.ts';
import { sessionWorkflowId } from '../../../workflows/contract.ts';
import { LateTemporal, workerWith } from './admitted.ts';

const { jest } = import.meta;
beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const idOf = (id: string): string => sessionWorkflowId({ tenant: 't', id });

function setup(bounds: { maxQueue?: number; maxTenantSessions?: number } = {}) {
  const temporal = new LateTemporal();
  const settings = { maxQueue: 1000, maxTenantSessions: 1000, ...bounds };
  const admission = new Admission({ sessions: temporal, settings });
  let come = 0;
  const comes = (id = `s${(come += 1)}`, mayWait = true): Promise<string> =>
    admission.admit({ ref: { tenant: 't', id }, model: 'en' }, mayWait).then(
      () => id,
      (error: unknown) => (error as { type: string }).type,
    );
  /** So many at once; answers who came in. */
  const burst = async (count: number, mayWait = true): Promise<string[]> => {
    const all = await Promise.all(Array.from({ length: count }, () => comes(undefined, mayWait)));
    return all.filter((answer) => answer !== 'queue_full' && answer !== 'tenant_limit');
  };
  return { temporal, admission, comes, burst };
}

test('of a burst, as many come in as may wait, and no more', async () => {
  const { burst, comes } = setup({ maxQueue: 60 });
  expect(await burst(100)).toHaveLength(60);
  expect(await comes()).toBe('queue_full');
});

test('a burst as large as the free slots comes in, whatever the bound; the next one waits or is refused', async () => {
  const { burst, temporal, admission } = setup({ maxQueue: 1 });
  temporal.present = [workerWith('w1', 5, ['x']), workerWith('w2', 4, []), { ...workerWith('w3', 9, []), model: 'de' }];
  const come = await burst(20);
  expect(come).toHaveLength(9);
  for (const id of come.slice(0, 8)) admission.served(idOf(id), come.indexOf(id) < 4 ? 'w1' : 'w2');
  expect(await burst(20)).toEqual([]);
});

test('a worker that drains has no free slot', async () => {
  const { burst, temporal } = setup({ maxQueue: 0 });
  temporal.present = [{ ...workerWith('w', 5, []), draining: true }];
  expect(await burst(5)).toEqual([]);
});

test('who may not wait comes in only where a slot is free', async () => {
  const { burst, temporal } = setup();
  temporal.present = [workerWith('w', 3, ['x'])];
  expect(await burst(5, false)).toHaveLength(2);
  expect(await burst(5)).toHaveLength(5);
  expect(await burst(5, false)).toEqual([]);
});

test.each<[string, (admission: Admission, workflowId: string) => void]>([
  ['has got a slot', (admission, id) => admission.served(id, 'w')],
  ['has ended', (admission, id) => admission.ended(id)],
])('a session that %s leaves the queue at once', async (_what, happens) => {
  const { comes, admission, temporal } = setup({ maxQueue: 1 });
  expect(await comes('first')).toBe('first');
  temporal.listed = [idOf('first')];
  jest.advanceTimersByTime(1001);
  expect(await comes()).toBe('queue_full');
  happens(admission, idOf('first'));
  expect(await comes('next')).toBe('next');
});

test('a session that was there before is counted by the list alone', async () => {
  const { comes, admission } = setup({ maxQueue: 1 });
  expect(await comes('first')).toBe('first');
  admission.answered(idOf('first'), false);
  expect(await comes('next')).toBe('next');
});

test('a slot that its session has given back is free at once', async () => {
  const { comes, burst, admission, temporal } = setup({ maxQueue: 0 });
  temporal.present = [workerWith('w', 1, [])];
  expect(await comes('first')).toBe('first');
  admission.served(idOf('first'), 'w');
  temporal.present = [workerWith('w', 1, [idOf('first')])];
  expect(await burst(2)).toEqual([]);
  admission.workerGone(idOf('first'), true);
  admission.ended(idOf('first'));
  expect(await burst(2)).toHaveLength(1);
});

test('the slot of a worker that is lost is not free', async () => {
  const { comes, burst, admission, temporal } = setup({ maxQueue: 0 });
  temporal.present = [workerWith('w', 1, [])];
  await comes('first');
  admission.served(idOf('first'), 'w');
  temporal.present = [workerWith('w', 1, [idOf('first')])];
  admission.workerGone(idOf('first'), false);
  expect(await burst(2)).toEqual([]);
});

test('a session whose client went away waits on: it counts, here and then by the list', async () => {
  const { comes, admission, temporal } = setup({ maxQueue: 1 });
  await comes('first');
  admission.left(idOf('first'));
  expect(await comes()).toBe('queue_full');
  temporal.listed = [idOf('first')];
  jest.advanceTimersByTime(20_000);
  expect(await comes()).toBe('queue_full');
  temporal.listed = [];
  jest.advanceTimersByTime(1001);
  expect(await comes('last')).toBe('last');
});

test('what other gateways have let in counts by the list, with what was let in here', async () => {
  const { burst, temporal } = setup({ maxQueue: 10 });
  temporal.listed = Array.from({ length: 7 }, (_, i) => `elsewhere-${i}`);
  expect(await burst(10)).toHaveLength(3);
  temporal.listed = [...temporal.listed.slice(2), idOf('s1'), idOf('s2')];
  jest.advanceTimersByTime(1001);
  expect(await burst(10)).toHaveLength(2);
});

test('a list that is cut still says that the bound is reached', async () => {
  const { burst, temporal } = setup({ maxQueue: 150 });
  temporal.listed = Array.from({ length: 5000 }, (_, i) => `elsewhere-${i}`);
  expect(await burst(3)).toEqual([]);
});

test('a session that is there comes in whatever the bounds, twice as well as once', async () => {
  const { comes, temporal } = setup({ maxQueue: 1, maxTenantSessions: 1 });
  temporal.there.add('old');
  expect(await Promise.all(['new', 'new', 'other', 'old'].map((id) => comes(id)))).toEqual([
    'new',
    'new',
    'queue_full',
    'old',
  ]);
});

test('a session whose workflow could not be asked is counted anew when it comes again', async () => {
  const { comes, admission } = setup({ maxQueue: 1 });
  expect(await comes('first')).toBe('first');
  admission.left(idOf('first'));
  jest.advanceTimersByTime(4000);
  expect(await comes('first')).toBe('first');
  expect(await comes('second')).toBe('queue_full');
});

test('of a burst of one tenant, as many come in as it may have open, whether served or not', async () => {
  const { burst, admission, temporal } = setup({ maxTenantSessions: 10 });
  temporal.open = 4;
  const come = await burst(20);
  expect(come).toHaveLength(6);
  for (const id of come) {
    admission.answered(idOf(id), true);
    admission.served(idOf(id), 'w');
  }
  expect(await burst(20)).toEqual([]);
  admission.ended(idOf(come[0] ?? ''));
  expect(await burst(20)).toHaveLength(1);
});

test('while few wait, Temporal is asked two questions a second, and none about workers', async () => {
  const { burst, temporal } = setup();
  await burst(100);
  await burst(100);
  expect(temporal.asked).toEqual(['waitingSessions', 'openSessions']);
  jest.advanceTimersByTime(1001);
  await burst(1);
  expect(temporal.asked).toHaveLength(4);
});
