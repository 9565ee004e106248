/** A worker's dealings with Temporal as a client: commits, and the workflow that stands for its life. */
import { isGrpcServiceError, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { workerAttributes } from '../workflows/attributes.ts';
import { CONTROL_QUEUE, REFUSAL, UPDATE, WORKFLOW, workerWorkflowId } from '../workflows/contract.ts';
import type { Commit, CommitAnswer, WorkerFacts } from '../workflows/contract.ts';
import type { CommitPort } from './committer.ts';

/** An update that is not answered by then is asked for again under the same id. */
const COMMIT_DEADLINE_MS = 10_000;

const FENCED: ReadonlySet<string | null | undefined> = new Set([REFUSAL.staleEpoch, REFUSAL.sessionEnded]);

const GONE = new Set([5]);
const isGone = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && GONE.has(error.code));

export class TemporalCommits implements CommitPort {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async commit(workflowId: string, updateId: string, commit: Commit): Promise<CommitAnswer | 'fenced'> {
    try {
      return await this.#client.withDeadline(Date.now() + COMMIT_DEADLINE_MS, () =>
        this.#client.workflow
          .getHandle(workflowId)
          .executeUpdate<CommitAnswer, [Commit]>(UPDATE.commit, { updateId, args: [commit] }),
      );
    } catch (error) {
      if (isGone(error)) return 'fenced';
      const refusal = error instanceof WorkflowUpdateFailedError ? error.cause : null;
      if (refusal instanceof ApplicationFailure && FENCED.has(refusal.type)) return 'fenced';
      // A gap cannot come from the committer: whoever made it must not go on.
      if (refusal instanceof ApplicationFailure && refusal.type === REFUSAL.indexGap) return 'fenced';
      throw error;
    }
  }
}

/** Starts the workflow that lists this worker (workflows/worker.ts). */
export async function registerWorker(client: Client, facts: WorkerFacts): Promise<void> {
  await client.workflow.start(WORKFLOW.worker, {
    taskQueue: CONTROL_QUEUE,
    workflowId: workerWorkflowId(facts.workerId),
    args: [facts],
    memo: { facts },
    typedSearchAttributes: workerAttributes(facts.model),
  });
}
