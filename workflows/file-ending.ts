/** How a file ends. */
import { ActivityFailure, ChildWorkflowFailure, isCancellation } from '@temporalio/workflow';
import type { FileResult } from './contract.ts';
import { isDamage } from './damage.ts';

export type FileEnding = Pick<FileResult, 'state' | 'reason' | 'detail'>;

export const COMPLETED: FileEnding = { state: 'completed', reason: null, detail: null };
export const STOPPED: FileEnding = { state: 'stopped', reason: null, detail: null };
export const CANCELLED: FileEnding = { state: 'cancelled', reason: null, detail: null };

const DAMAGED: FileEnding = {
  state: 'failed',
  reason: 'storage_corruption',
  detail: 'what the storage holds of the session is not what was written',
};

const FAILED: FileEnding = { state: 'failed', reason: 'session_failed', detail: 'a step of the work failed' };

/** A step that cannot succeed ends the file; its cause is in the step's failure. */
export function endingOf(error: unknown): FileEnding {
  if (isCancellation(error)) return CANCELLED;
  if (isDamage(error)) return DAMAGED;
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure) return FAILED;
  throw error;
}
