/**
 * One ASR worker process, as long as it lives: its presence is an activity on its own queue whose heartbeats carry what it
 * is doing. So the list of workers is Temporal's, and a dead one ends by itself.
 */
import {
  ActivityFailure,
  TimeoutFailure,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SIGNAL, workerQueue } from './contract.ts';
import type { WorkerActivities, WorkerFacts } from './contract.ts';

/** A worker unheard for so long is asked for anew once; when that is not taken up either, it is gone. */
const PRESENCE_TIMEOUT_MS = 10_000;

const drainSignal = defineSignal(SIGNAL.drain);

const neverStarted = (error: unknown): boolean =>
  error instanceof ActivityFailure &&
  error.cause instanceof TimeoutFailure &&
  error.cause.timeoutType === 'SCHEDULE_TO_START';

export async function worker(facts: WorkerFacts): Promise<'stopped' | 'lost'> {
  const presence = proxyActivities<Pick<WorkerActivities, 'attendWorker'>>({
    taskQueue: workerQueue(facts.workerId),
    startToCloseTimeout: '2400h',
    scheduleToStartTimeout: PRESENCE_TIMEOUT_MS,
    heartbeatTimeout: PRESENCE_TIMEOUT_MS,
    retry: { maximumAttempts: 1 },
  });
  const control = proxyActivities<Pick<WorkerActivities, 'drainWorker'>>({
    taskQueue: workerQueue(facts.workerId),
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '1m',
  });
  // A worker that cannot be told is one that is lost: its presence says so.
  setHandler(drainSignal, () => void control.drainWorker().catch(() => undefined));
  while (workflowInfo().historyLength < 1000) {
    try {
      await presence.attendWorker();
      return 'stopped';
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      if (neverStarted(error)) return 'lost';
    }
  }
  return await continueAsNew<typeof worker>(facts);
}
