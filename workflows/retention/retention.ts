/** Looks for what has ended, again and again: each ended session gets a deletion of its own that waits until it is due. */
import { continueAsNew, proxyActivities, sleep, workflowInfo } from '@temporalio/workflow';
import type { RetentionActivities } from './contract.ts';

const { sweep } = proxyActivities<RetentionActivities>({
  startToCloseTimeout: '1h',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '1s', maximumInterval: '1m' },
});

const ROTATE_AFTER_EVENTS = 500;

export async function retention(sinceMs: number): Promise<never> {
  let from = sinceMs;
  while (workflowInfo().historyLength < ROTATE_AFTER_EVENTS) {
    const { throughMs, againInMs } = await sweep({ sinceMs: from });
    from = throughMs;
    await sleep(againInMs);
  }
  return continueAsNew<typeof retention>(from);
}
