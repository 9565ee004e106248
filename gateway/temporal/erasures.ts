/** Deletions as workflows (workflows/erase/erase.ts). */
import type { Client } from '@temporalio/client';
import { eraseAttributes } from '../../workflows/attributes.ts';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { ERASED, ERASE_NOW, eraseWorkflowId } from '../../workflows/erase/contract.ts';
import type { EraseInput } from '../../workflows/erase/contract.ts';
import type { ErasuresPort } from '../ports.ts';
import { asOurs, isAway, isGone } from './errors.ts';

export class TemporalErasures implements ErasuresPort {
  readonly #client: Client;
  readonly #deadlineMs: number;

  /** @param deadlineMs longest wait for Temporal to take it in. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
  }

  async erase(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'> {
    const input: EraseInput = { ref, dueMs: 0 };
    const workflowId = eraseWorkflowId(ref);
    try {
      // One that waits for the end of the session's retention does not wait any longer.
      const handle = await this.#client.withDeadline(Date.now() + this.#deadlineMs, () =>
        this.#client.workflow.signalWithStart(WORKFLOW.erase, {
          taskQueue: CONTROL_QUEUE,
          workflowId,
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          args: [input],
          signal: ERASE_NOW,
          signalArgs: [],
          typedSearchAttributes: eraseAttributes(ref.tenant),
        }),
      );
      return await this.#client
        .withDeadline(Date.now() + waitMs, () => handle.executeUpdate<boolean, []>(ERASED))
        .then(() => 'erased' as const);
    } catch (error) {
      // Over, and not asked any more; or it takes longer.
      if (isGone(error)) return 'erased';
      if (isAway(error) && (await this.#isTaken(workflowId))) return 'erasing';
      throw asOurs(error);
    }
  }

  /** Whether Temporal has the deletion: what takes longer is not what never began. */
  async #isTaken(workflowId: string): Promise<boolean> {
    return this.#client
      .withDeadline(Date.now() + this.#deadlineMs, () => this.#client.workflow.getHandle(workflowId).describe())
      .then(
        () => true,
        () => false,
      );
  }
}
