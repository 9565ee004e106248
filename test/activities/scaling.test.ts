import { createScaling } from '../../activities/scaling.ts';
import type { ClusterPool, ClusterPort, ClusterUnit, PoolWish, ReportedWorker } from '../../activities/scaling.ts';
import type { Decision, Rule } from '../../workflows/pool/decision.ts';

const NOW_MS = 1_000_000;

const unit = (name: string, over: Partial<ClusterUnit> = {}): ClusterUnit => ({
  ...{ name, burst: false, askedAtMs: NOW_MS - 60_000, leaving: false, host: name, pid: null },
  ...over,
});

const worker = (host: string, sessions: number, over: Partial<ReportedWorker> = {}): ReportedWorker => ({
  ...{ workerId: `w-${host}`, host, pid: 1, slots: 2, draining: false, readyAtMs: NOW_MS - 30_000 },
  sessions: Array.from({ length: sessions }, (_, i) => `session/t/${host}-${i}`),
  ...over,
});

class Cluster implements ClusterPort {
  readonly wishes: PoolWish[] = [];
  pool: ClusterPool = { standing: 0, units: [] };

  observe(): Promise<ClusterPool> {
    return Promise.resolve(this.pool);
  }

  apply(_model: string, wish: PoolWish): Promise<void> {
    this.wishes.push(wish);
    return Promise.resolve();
  }
}

function setup(units: ClusterUnit[], workers: ReportedWorker[], queue = { sessions: 0, oldestMs: 0, perSecond: 0 }) {
  const cluster = new Cluster();
  cluster.pool = { standing: units.filter(({ burst, leaving }) => !burst && !leaving).length, units };
  const drained: string[] = [];
  const statistics = {
    queue: () => Promise.resolve(queue),
    workers: () => Promise.resolve(workers),
    ended: () => Promise.resolve({ sessions: 3, slotMs: 9000 }),
    drain: (id: string) => {
      drained.push(id);
      return Promise.resolve();
    },
  };
  const scaling = createScaling(cluster, statistics, () => NOW_MS);
  const apply = (standing: number, burst = 0) =>
    scaling.applyDecision({ model: 'en', decision: decision({ standing, burst }), needed: true });
  return { scaling, cluster, drained, apply };
}

const decision = (workers: Decision['workers']): Decision => ({
  atMs: NOW_MS,
  target: workers.standing + workers.burst,
  workers,
  rule: 'headroom',
  numbers: {} as Record<Rule, number | null>,
  sentence: '',
  notices: [],
});

test('a pool is counted by the platform’s units and the workers’ own reports', async () => {
  const { scaling } = setup(
    [
      unit('a'),
      unit('b'),
      unit('c'),
      unit('new', { askedAtMs: NOW_MS - 4000 }),
      unit('going', { leaving: true }),
      unit('extra', { burst: true, askedAtMs: NOW_MS - 40_000 }),
    ],
    [
      worker('a', 2),
      worker('b', 0),
      worker('c', 1, { draining: true }),
      worker('going', 1),
      worker('extra', 1, { readyAtMs: NOW_MS - 1000 }),
      worker('of another platform', 2),
    ],
    { sessions: 5, oldestMs: 700, perSecond: 0.5 },
  );
  expect(await scaling.observePool({ model: 'en', sinceMs: NOW_MS - 10_000 })).toEqual({
    atMs: NOW_MS,
    asked: { standing: 3, burst: 1 },
    workers: { starting: 1, busy: 2, idle: 1, draining: 1 },
    slots: { busy: 3, idle: 3 },
    waiting: { sessions: 5, oldestMs: 700 },
    arrived: 5,
    ended: { sessions: 3, slotMs: 9000 },
    startUpsMs: [39_000],
    oldestStartingMs: 4000,
  });
});

test('a process is found by its id where the platform knows no host name', async () => {
  const { scaling } = setup([unit('asr-1', { host: null, pid: 7 })], [worker('h', 1, { pid: 7 }), worker('h', 2)]);
  expect((await scaling.observePool({ model: 'en', sinceMs: null })).workers).toMatchObject({ busy: 1, starting: 0 });
});

test('more workers are asked for in one step', async () => {
  const { cluster, drained, apply } = setup([unit('a')], [worker('a', 2)]);
  expect(await apply(5, 3)).toEqual({ draining: [], leaving: [], settled: true });
  expect(cluster.wishes).toMatchObject([{ standing: 5, burst: 3, leaving: [] }]);
  expect(drained).toEqual([]);
});

test('of too many, those that are not ready go at once, then idle ones, then those with the fewest sessions', async () => {
  const { cluster, drained, apply } = setup(
    [unit('busy'), unit('full'), unit('idle'), unit('starting')],
    [worker('busy', 1), worker('full', 2), worker('idle', 0)],
  );
  expect(await apply(3)).toMatchObject({ leaving: ['starting'], settled: true });
  expect(await apply(2)).toMatchObject({ leaving: ['starting'], draining: ['w-idle'], settled: false });
  expect(await apply(1)).toMatchObject({ leaving: ['starting'], draining: ['w-idle', 'w-busy'] });
  // The idle one may have been given a session meanwhile: it is counted until it is seen to be empty and to drain.
  expect(cluster.wishes.map(({ standing }) => standing)).toEqual([3, 3, 3]);
  expect(drained).toEqual(['w-idle', 'w-idle', 'w-busy']);
});

test('a worker that drains goes once it holds no session, and not before', async () => {
  const drains = setup([unit('a'), unit('b')], [worker('a', 0), worker('b', 1, { draining: true })]);
  expect(await drains.apply(1)).toEqual({ draining: [], leaving: [], settled: false });
  expect(drains.cluster.wishes).toMatchObject([{ standing: 2, leaving: [] }]);
  const empty = setup([unit('a'), unit('b')], [worker('a', 0), worker('b', 0, { draining: true })]);
  expect(await empty.apply(1)).toEqual({ draining: [], leaving: ['b'], settled: true });
  expect(empty.cluster.wishes).toMatchObject([{ standing: 1, leaving: ['b'] }]);
});

test('a worker that somebody else drains is replaced', async () => {
  const { cluster, apply } = setup([unit('a'), unit('b')], [worker('a', 0), worker('b', 1, { draining: true })]);
  await apply(2);
  expect(cluster.wishes).toMatchObject([{ standing: 3, leaving: [] }]);
});

test('that the platform is away fails as expected, in its own words: the pool says so once, no attempt warns of it', async () => {
  const { scaling, cluster, apply } = setup([], []);
  cluster.observe = () => Promise.reject(new Error('connect ECONNREFUSED'));
  const failure = { message: 'connect ECONNREFUSED', type: 'PlatformFailed', category: 'BENIGN' };
  await expect(scaling.observePool({ model: 'en', sinceMs: null })).rejects.toMatchObject(failure);
  await expect(apply(1)).rejects.toMatchObject(failure);
});
