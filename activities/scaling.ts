/**
 * What a pool's scaler asks of the world. A worker that is to go is drained first: it takes no new session and hands over
 * those it has; only one that holds none is taken away. So scaling down never cuts a session.
 */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { Applied, ApplyArgs, ObserveArgs, ScalingActivities } from '../workflows/pool/contract.ts';
import type { Observation } from '../workflows/pool/observation.ts';

/** A worker as the platform knows it: a pod, a process. */
export interface ClusterUnit {
  readonly name: string;
  /** Ends by itself after one session. */
  readonly burst: boolean;
  readonly askedAtMs: number;
  /** The platform is ending it. */
  readonly leaving: boolean;
  /** By which the worker's own report is found: its host name … */
  readonly host: string | null;
  /** … or its process id. */
  readonly pid: number | null;
}

export interface ClusterPool {
  /** Standing workers that the platform is asked for. */
  readonly standing: number;
  readonly units: readonly ClusterUnit[];
}

export interface PoolWish {
  readonly standing: number;
  /** Of the standing units, those that go first; none of them holds a session. */
  readonly leaving: readonly string[];
  /** Sessions that each unit holds: of the others, the platform would take the emptiest. */
  readonly sessions: Readonly<Record<string, number>>;
  /** Burst workers to be there, each for one session; those that are more end by themselves. */
  readonly burst: number;
  /** The same for each repetition of one wish: what it has begun already is not begun again. */
  readonly id: string;
}

/** The platform that runs the workers (infra/cluster). */
export interface ClusterPort {
  observe(model: string): Promise<ClusterPool>;
  apply(model: string, wish: PoolWish): Promise<void>;
}

/** What a worker says of itself. */
export interface ReportedWorker {
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly slots: number;
  readonly draining: boolean;
  readonly sessions: readonly string[];
  readonly readyAtMs: number;
}

/** What Temporal says of a pool. */
export interface PoolStatisticsPort {
  /** The pool's queue: how many wait, for how long the oldest has, and how many come a second. */
  queue(model: string): Promise<{ readonly sessions: number; readonly oldestMs: number; readonly perSecond: number }>;
  workers(model: string): Promise<readonly ReportedWorker[]>;
  /** Sessions that ended since, and for how long they had held their slots in all. */
  ended(model: string, sinceMs: number): Promise<Observation['ended']>;
  drain(workerId: string): Promise<void>;
}

/** A unit with the report of the worker in it; null while there is none. */
interface Member {
  readonly unit: ClusterUnit;
  readonly worker: ReportedWorker | null;
}

const join = ({ units }: ClusterPool, workers: readonly ReportedWorker[]): Member[] =>
  units.map((unit) => ({
    unit,
    worker: workers.find(({ host, pid }) => (unit.pid === null ? host === unit.host : pid === unit.pid)) ?? null,
  }));

const isDraining = ({ worker }: Member): boolean => worker?.draining ?? false;
const sessionsOf = ({ worker }: Member): number => worker?.sessions.length ?? 0;

export function createScaling(
  cluster: ClusterPort,
  statistics: PoolStatisticsPort,
  now: () => number = Date.now,
): ScalingActivities {
  const look = async (model: string) => {
    const [seen, workers] = await Promise.all([cluster.observe(model), statistics.workers(model)]);
    return { seen, members: join(seen, workers).filter(({ unit }) => !unit.leaving) };
  };
  return {
    observePool: expected(async ({ model, sinceMs }: ObserveArgs): Promise<Observation> => {
      const atMs = now();
      const since = sinceMs ?? atMs;
      const [{ seen, members }, queue, ended] = await Promise.all([
        look(model),
        statistics.queue(model),
        statistics.ended(model, since),
      ]);
      const arrived = (queue.perSecond * (atMs - since)) / 1000;
      return { atMs, ...counted(seen, members, { sinceMs: since, atMs }), ...waiting(queue), arrived, ended };
    }),

    applyDecision: expected(async ({ model, decision, needed }: ApplyArgs): Promise<Applied> => {
      if (!needed) return { draining: [], leaving: [], settled: true };
      const { members } = await look(model);
      const standing = members.filter(({ unit }) => !unit.burst);
      const staying = standing.filter((member) => !isDraining(member));
      const victims = leastMissed(staying, staying.length - decision.workers.standing);
      const draining = victims.flatMap(({ worker }) => (worker === null ? [] : [worker.workerId]));
      await Promise.all(draining.map((workerId) => statistics.drain(workerId)));
      // What was told to drain just now may have been given a session since it was looked at: it stays for this time.
      const leaving = [...standing.filter(isEmptied), ...victims.filter(({ worker }) => worker === null)];
      const names = leaving.map(({ unit }) => unit.name);
      const stillThere = standing.filter((member) => isDraining(member) && !isEmptied(member)).length + draining.length;
      await cluster.apply(model, {
        standing: decision.workers.standing + stillThere,
        leaving: names,
        sessions: Object.fromEntries(members.map((member) => [member.unit.name, sessionsOf(member)])),
        burst: decision.workers.burst,
        id: `${decision.atMs}`,
      });
      return { draining, leaving: names, settled: stillThere === 0 };
    }),
  };
}

/** A platform may be away: the pool says so once, not each attempt with a warning of its own. */
const expected =
  <Args, Result>(work: (args: Args) => Promise<Result>) =>
  async (args: Args): Promise<Result> => {
    try {
      return await work(args);
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      const { BENIGN } = ApplicationFailureCategory;
      throw ApplicationFailure.create({ message: cause.message, type: 'PlatformFailed', cause, category: BENIGN });
    }
  };

const isEmptied = (member: Member): boolean => isDraining(member) && sessionsOf(member) === 0;

/** Those that are not ready, then idle ones, then those with the fewest sessions. */
const leastMissed = (members: readonly Member[], count: number): Member[] =>
  [...members]
    .sort((a, b) => Number(a.worker !== null) - Number(b.worker !== null) || sessionsOf(a) - sessionsOf(b))
    .slice(0, Math.max(0, count));

const waiting = ({ sessions, oldestMs }: { readonly sessions: number; readonly oldestMs: number }) => ({
  waiting: { sessions, oldestMs: sessions === 0 ? 0 : oldestMs },
});

type Counted = Pick<Observation, 'asked' | 'workers' | 'slots' | 'startUpsMs' | 'oldestStartingMs'>;

function counted(
  seen: ClusterPool,
  members: readonly Member[],
  { sinceMs, atMs }: { readonly sinceMs: number; readonly atMs: number },
): Counted {
  const draining = members.filter(isDraining);
  const starting = members.filter(({ worker }) => worker === null);
  const ready = members.filter((member) => member.worker !== null && !isDraining(member));
  const busy = ready.filter((member) => sessionsOf(member) > 0);
  const taken = ready.reduce((sum, member) => sum + sessionsOf(member), 0);
  const slots = ready.reduce((sum, { worker }) => sum + (worker?.slots ?? 0), 0);
  const startUpsMs = members.flatMap(({ unit, worker }) =>
    worker !== null && worker.readyAtMs > sinceMs && worker.readyAtMs <= atMs
      ? [Math.max(0, worker.readyAtMs - unit.askedAtMs)]
      : [],
  );
  return {
    asked: {
      standing: seen.standing - draining.filter(({ unit }) => !unit.burst).length,
      burst: members.filter((member) => member.unit.burst && !isDraining(member)).length,
    },
    workers: {
      starting: starting.length,
      busy: busy.length,
      idle: ready.length - busy.length,
      draining: draining.length,
    },
    slots: { busy: taken, idle: Math.max(0, slots - taken) },
    startUpsMs,
    oldestStartingMs: Math.max(0, ...starting.map(({ unit }) => atMs - unit.askedAtMs)),
  };
}
