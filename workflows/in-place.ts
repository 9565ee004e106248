/** Work of a moment, done in the workflow's own task: no queue, and no event but its answer. */
import { isCancellation } from '@temporalio/workflow';
import type { LocalActivityOptions, RetryPolicy } from '@temporalio/workflow';

/** For whoever does it in place: one try, which takes no longer than a workflow task may. */
export const IN_PLACE: LocalActivityOptions = { startToCloseTimeout: '1s', retry: { maximumAttempts: 1 } };

/** Until storage answers. */
export const RETRIED: RetryPolicy = { initialInterval: '500ms', maximumInterval: '30s' };

/**
 * What may be done twice is tried in place, and done by an activity where that fails or takes too long: storage may be away,
 * or slow.
 */
export async function inPlace<T>(mayBe: boolean, here: () => Promise<T>, elsewhere: () => Promise<T>): Promise<T> {
  if (!mayBe) return elsewhere();
  try {
    return await here();
  } catch (error) {
    if (isCancellation(error)) throw error;
    return elsewhere();
  }
}
