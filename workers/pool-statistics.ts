/** What Temporal says of a pool, for its scaler: the statistics of its task queue, and its workers' own reports. */
import type { Client } from '@temporalio/client';
// CommonJS whose names Node does not find by itself.
import proto from '@temporalio/proto';
import type { PoolStatisticsPort, ReportedWorker } from '../activities/scaling.ts';
import { Calls } from '../gateway/temporal/calls.ts';
import { Visibility } from '../gateway/temporal/visibility.ts';
import { poolQueue, SIGNAL, workerWorkflowId } from '../workflows/contract.ts';

const { TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;

type Seconds = { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined;
const milliseconds = (time: Seconds): number =>
  time ? Number((time.seconds ?? 0).toString()) * 1000 + (time.nanos ?? 0) / 1e6 : 0;

export class PoolStatistics implements PoolStatisticsPort {
  readonly #client: Client;
  readonly #visibility: Visibility;
  readonly #calls: Calls;

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#visibility = new Visibility(client);
    this.#calls = new Calls(client, deadlineMs);
  }

  /**
   * Temporal's own count of the queue is approximate: it may be a second old (`matching.TaskQueueInfoByBuildIdTTL`), and a
   * task of a session that has ended counts until a worker polls it. Who has just begun to wait is in the list of those who do.
   */
  queue(model: string) {
    return this.#calls.within(async () => {
      const [counted, listed] = await Promise.all([this.#counted(model), this.#visibility.waiting(model, Date.now())]);
      return {
        sessions: Math.max(counted.sessions, listed.sessions),
        oldestMs: Math.max(counted.oldestMs, listed.oldestMs),
        perSecond: counted.perSecond,
      };
    });
  }

  async #counted(model: string) {
    const { stats } = await this.#client.workflowService.describeTaskQueue({
      namespace: this.#client.options.namespace,
      taskQueue: { name: poolQueue(model) },
      taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
      reportStats: true,
    });
    return {
      sessions: Number((stats?.approximateBacklogCount ?? 0).toString()),
      oldestMs: milliseconds(stats?.approximateBacklogAge),
      perSecond: stats?.tasksAddRate ?? 0,
    };
  }

  workers(model: string): Promise<ReportedWorker[]> {
    return this.#calls.within(async () => {
      const workers = await this.#visibility.workers(model);
      return workers.map(({ workerId, host, pid, slots, draining, sessions, startedAt, readyAt = startedAt }) => ({
        ...{ workerId, host, pid, slots, draining, sessions },
        readyAtMs: Date.parse(readyAt),
      }));
    });
  }

  ended(model: string, sinceMs: number) {
    return this.#calls.within(() => this.#visibility.ended(model, sinceMs));
  }

  async drain(workerId: string): Promise<void> {
    await this.#calls.within(() => this.#client.workflow.getHandle(workerWorkflowId(workerId)).signal(SIGNAL.drain));
  }
}
