/** A pool's workflow on a Temporal server whose time can be skipped, between hand-made activities. */
import { Context } from '@temporalio/activity';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { createScaling } from '../../activities/scaling.ts';
import type { ClusterPort, PoolWish } from '../../activities/scaling.ts';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import { POOL_QUERY, POOL_UPDATE, poolWorkflowId } from '../../workflows/pool/contract.ts';
import type { PoolInput, PoolView } from '../../workflows/pool/contract.ts';
import type { Calendar } from '../../workflows/pool/policy.ts';
import { Stage } from '../harness/workflow-stage.ts';
import { until } from '../harness/until.ts';
import { policyOf } from '../workflows/pool/given.ts';

/** Each its own: an activity that is under way when its workflow is ended would hold that server's time for the next test. */
let stage: Stage | null = null;
beforeEach(async () => {
  stage = await Stage.open('the workflow of a pool on a server whose time can be skipped');
}, 120_000);
afterEach(() => stage?.close(), 30_000);

/** A platform that has at once what it is asked for, and may be away. */
class Cluster implements ClusterPort {
  away = false;
  standing = 1;

  observe() {
    const units = Array.from({ length: this.standing }, (_, n) => ({
      ...{ name: `w-${n}`, burst: false, askedAtMs: 0, leaving: false, host: `w-${n}`, pid: null },
    }));
    return this.away
      ? Promise.reject(new Error('nobody answers'))
      : Promise.resolve({ standing: this.standing, units });
  }

  apply(_model: string, { standing }: PoolWish): Promise<void> {
    this.standing = standing;
    return Promise.resolve();
  }
}

/**
 * Longer than a test may take, so that none comes by itself: ticks are skipped to. Of a timer that fires while the task that
 * cancels it is under way, the server makes a workflow that hangs for ever. https://github.com/temporalio/sdk-java/issues/3088
 */
const TICK_MS = 3_600_000;
/** Ends half way to the next tick, so that this one does not come either. */
const ticks = (count: number): number => (count + 0.5) * TICK_MS;
const policy = policyOf({ headroom: { idleSlots: 1, idleShare: 0 } });
const floor = (workers: number): Calendar => ({
  timetable: { kind: 'hours', workersByHour: Array<number>(24).fill(workers) },
  leadMs: 0,
  role: 'floor',
  servedShare: 0.99,
});

interface Play {
  readonly here: Stage;
  readonly cluster: Cluster;
  readonly handle: WorkflowHandle;
  readonly view: () => Promise<PoolView>;
  readonly runIds: () => Promise<string>;
}

const on = (title: string, model: string, play: (play: Play) => Promise<void>): void =>
  test(
    title,
    async () => {
      // That it does not run was said when the server was not to be had.
      if (stage === null) return;
      const here = stage;
      const cluster = new Cluster();
      here.scaling = createScaling(
        cluster,
        {
          queue: () => Promise.resolve({ sessions: 0, oldestMs: 0, perSecond: 0 }),
          workers: () => Promise.resolve([]),
          ended: () => Promise.resolve({ sessions: 0, slotMs: 0 }),
          drain: () => Promise.resolve(),
        },
        // The server's time.
        () => Context.current().info.scheduledTimestampMs,
      );
      const input: PoolInput = { model, policy, tickMs: TICK_MS, carried: null };
      const handle = await here.client.workflow.start(WORKFLOW.pool, {
        workflowId: poolWorkflowId(model),
        taskQueue: CONTROL_QUEUE,
        args: [input],
      });
      const view = () => handle.query<PoolView>(POOL_QUERY.view);
      const runIds = async () => (await handle.describe()).runId;
      await play({ here, cluster, handle, view, runIds });
    },
    120_000,
  );

on(
  'an operator’s calendar decides until it is lifted, and is carried into the next run; a wrong one is refused',
  'calendar',
  async ({ here, cluster, handle, view, runIds }) => {
    const set = (calendar: Calendar | null) =>
      handle.executeUpdate<null, [Calendar | null]>(POOL_UPDATE.calendar, { args: [calendar] });
    const standing = (wanted: number) =>
      until(
        `${wanted} workers`,
        () => cluster.standing,
        (seen) => seen === wanted,
      );
    await set(floor(7));
    await standing(7);
    expect((await view()).decisions.at(-1)).toMatchObject({ rule: 'calendar', target: 7 });

    const wrong = { ...floor(7), timetable: { kind: 'cron', entries: [{ cron: '61 * * * *', workers: 3 }] } } as const;
    const refusal = await set(wrong).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
    expect((refusal as WorkflowUpdateFailedError).cause?.message).toContain(
      'cron entry "61 * * * *": minute "61"; allowed',
    );
    expect((await view()).state.calendar).toEqual(floor(7));

    const first = await runIds();
    await here.env.sleep(ticks(100));
    await until('the next run', runIds, (id) => id !== first);
    expect((await view()).state.calendar).toEqual(floor(7));
    expect(cluster.standing).toBe(7);

    await set(null);
    await standing(1);
    expect((await view()).decisions.at(-1)?.rule).not.toBe('calendar');
  },
);

on(
  'the platform is away for days: the pool says so all the while, also in its next run, and scales once it is back',
  'away',
  async ({ here, cluster, handle, view, runIds }) => {
    await until('the first decision', view, ({ decisions }) => decisions.length > 0);
    cluster.away = true;
    await here.env.sleep(ticks(2));
    await until('it is said', view, ({ fault }) => fault === 'nobody answers');
    const override = { workers: 5, untilMs: (await here.env.currentTimeMs()) + 250 * TICK_MS, by: 'desk', why: '' };
    await handle.executeUpdate(POOL_UPDATE.override, { args: [override] });
    const first = await runIds();
    for (let tick = 0; tick < 60; tick += 1) {
      await here.env.sleep(TICK_MS);
      expect((await view()).fault).toBe('nobody answers');
    }
    await here.env.sleep(ticks(120));
    await until('the next run', runIds, (id) => id !== first);
    expect(await view()).toMatchObject({ fault: 'nobody answers', state: { override } });
    expect(cluster.standing).toBe(1);
    cluster.away = false;
    await here.env.sleep(ticks(2));
    await until(
      'it scales',
      () => cluster.standing,
      (seen) => seen === 5,
    );
    await until('the fault is over', view, ({ fault }) => fault === null);
  },
);
