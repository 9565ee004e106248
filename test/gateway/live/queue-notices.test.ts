import { QueueNotices } from '../../../gateway/live/queue-notices.ts';
import type { QueuePlace } from '../../../gateway/live/queue-notices.ts';
import type { QueuedSession, SlotTimes, WorkerSummary } from '../../../gateway/ports.ts';
import { FakePools } from '../../harness/fake-pools.ts';
import { silentLog, turns } from '../../harness/quiet.ts';

const { jest } = import.meta;
beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] }));
afterEach(() => jest.useRealTimers());

const worker = (model: string, slots: number): WorkerSummary => ({
  workerId: 'w',
  model,
  pid: 1,
  host: 'h',
  slots,
  startedAt: '',
  draining: false,
  sessions: [],
});

class Pool {
  waiting: string[] = [];
  slots = 2;
  recent = [60_000];
  held: SlotTimes['held'] = [10_000, 30_000].map((ms) => ({ kind: 'live', ms }));
  isAway = false;
  asked = 0;

  async queue(): Promise<QueuedSession[]> {
    await Promise.resolve();
    this.asked += 1;
    if (this.isAway) throw new Error('away');
    return this.waiting.map((workflowId) => ({ workflowId, kind: 'live' }));
  }

  workers(): Promise<WorkerSummary[]> {
    return Promise.resolve([worker('en', this.slots), worker('other', 50)]);
  }

  slotTimes(): Promise<SlotTimes> {
    return Promise.resolve({ held: this.held, recent: { live: this.recent, span: [] } });
  }
}

const second = async (): Promise<void> => {
  jest.advanceTimersByTime(1000);
  await turns();
};

function setup() {
  const pool = new Pool();
  const scalers = new FakePools();
  const notices = new QueueNotices(pool, scalers, silentLog);
  const follow = (id: string) => {
    const told: QueuePlace[] = [];
    return { told, stop: notices.follow('en', id, (place) => told.push(place)) };
  };
  return { pool, follow, woken: scalers.woken };
}

test('a session that waits wakes the scaler of its pool', () => {
  const { follow, woken } = setup();
  follow('a');
  follow('b');
  expect(woken).toEqual(['en', 'en']);
});

test('the scaler is told twice more of a session that still waits, and no more of one that does not', async () => {
  const { follow, woken } = setup();
  follow('a');
  const b = follow('b');
  b.stop();
  for (let n = 0; n < 5; n += 1) await second();
  expect(woken).toEqual(['en', 'en', 'en', 'en']);
});

test('a session is told its place now, and when it changes, not when it does not', async () => {
  const { pool, follow } = setup();
  pool.waiting = ['a', 'b', 'c'];
  const { told, stop } = follow('b');
  await turns();
  await second();
  pool.waiting = ['b', 'c'];
  await second();
  expect(told).toEqual([
    { position: 2, estimatedWaitMs: 50_000 },
    { position: 1, estimatedWaitMs: 30_000 },
  ]);
  stop();
});

test('an estimate that counts down by itself is not told again; one that does not is', async () => {
  const { pool, follow } = setup();
  pool.waiting = ['a'];
  const { told, stop } = follow('a');
  await turns();
  const later = async (ms: number): Promise<void> => {
    pool.held = pool.held.map(({ kind, ms: held }) => ({ kind, ms: held + ms }));
    await second();
  };
  for (let i = 0; i < 10; i += 1) await later(1000);
  expect(told).toEqual([{ position: 1, estimatedWaitMs: 30_000 }]);
  pool.recent = [120_000];
  await later(1000);
  expect(told.slice(1)).toEqual([{ position: 1, estimatedWaitMs: 79_000 }]);
  stop();
});

test('what is not known is null: a place not yet listed, a wait without workers or history', async () => {
  const { pool, follow } = setup();
  const unlisted = follow('a');
  await turns();
  expect(unlisted.told).toEqual([{ position: null, estimatedWaitMs: null }]);
  pool.waiting = ['a'];
  pool.recent = [];
  await second();
  pool.recent = [1000];
  pool.slots = 0;
  await second();
  expect(unlisted.told.slice(1)).toEqual([{ position: 1, estimatedWaitMs: null }]);
  unlisted.stop();
});

test('the list is asked for once a second for all sessions of a model, however often they come and go', async () => {
  const { pool, follow } = setup();
  for (let i = 0; i < 20; i += 1) follow(`gone-${i}`).stop();
  const stays = [follow('a'), follow('b')];
  await turns();
  for (let i = 0; i < 20; i += 1) follow(`gone-${i}`).stop();
  const before = pool.asked;
  for (let i = 0; i < 5; i += 1) await second();
  expect(pool.asked - before).toBe(5);
  for (const { stop } of stays) stop();
});

test('nobody is asked once nobody waits, and again when someone does', async () => {
  const { pool, follow } = setup();
  follow('a').stop();
  await second();
  await second();
  const before = pool.asked;
  await second();
  expect(pool.asked).toBe(before);
  const { told, stop } = follow('b');
  await turns();
  expect(told).toHaveLength(1);
  stop();
});

test('a list that cannot be had is asked for again', async () => {
  const { pool, follow } = setup();
  pool.isAway = true;
  pool.waiting = ['a'];
  const { told, stop } = follow('a');
  await turns();
  expect(told).toEqual([]);
  pool.isAway = false;
  await second();
  expect(told).toMatchObject([{ position: 1 }]);
  stop();
});
