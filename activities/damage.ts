/** What storage gives back damaged is read again; what stays damaged is told by a failure of its own, and no more retried. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { STORAGE_DAMAGED } from '../workflows/contract.ts';

/** Spread over about 15 s by the activities' retry policies: what goes wrong on the way comes right by then. */
const ATTEMPTS = 6;

/** Storage says why it failed in `reason` (infra/objects/storage-error.ts). */
const isDamage = (error: unknown): error is Error =>
  error instanceof Error && 'reason' in error && error.reason === 'storage_corruption';

/** The same activity, which fails for good as {@link STORAGE_DAMAGED} once it has found damage too often. */
export function untilDamaged<A, R>(activity: (args: A) => Promise<R>): (args: A) => Promise<R> {
  return async (args) => {
    try {
      return await activity(args);
    } catch (error) {
      if (!isDamage(error) || Context.current().info.attempt < ATTEMPTS) throw error;
      throw ApplicationFailure.nonRetryable(error.message, STORAGE_DAMAGED);
    }
  };
}
