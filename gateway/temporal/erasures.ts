/** Deletions as workflows (workflows/erase). */
import type { Client } from '@temporalio/client';
import { eraseAttributes } from '../../workflows/attributes.ts';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { ERASED, ERASE_NOW, eraseBatchWorkflowId, eraseWorkflowId } from '../../workflows/erase/contract.ts';
import type { EraseBatchInput, EraseInput } from '../../workflows/erase/contract.ts';
import type { ErasuresPort } from '../ports.ts';
import { Calls } from './calls.ts';
import { asOurs, isAway, isGone } from './errors.ts';

/** What deletes one thing. */
interface Erasure {
  readonly type: string;
  readonly workflowId: string;
  readonly input: EraseInput | EraseBatchInput;
}

export class TemporalErasures implements ErasuresPort {
  readonly #client: Client;
  readonly #calls: Calls;

  /** @param deadlineMs longest wait for Temporal to take it in. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#calls = new Calls(client, deadlineMs);
  }

  erase(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'> {
    const input: EraseInput = { ref, dueMs: 0 };
    return this.#run(ref, { type: WORKFLOW.erase, workflowId: eraseWorkflowId(ref), input }, waitMs);
  }

  eraseBatch(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'> {
    const input: EraseBatchInput = { ref };
    return this.#run(ref, { type: WORKFLOW.eraseBatch, workflowId: eraseBatchWorkflowId(ref), input }, waitMs);
  }

  async #run(
    { tenant }: SessionRef,
    { type, workflowId, input }: Erasure,
    waitMs: number,
  ): Promise<'erased' | 'erasing'> {
    try {
      // One that waits for the end of the session's retention does not wait any longer.
      const handle = await this.#calls.within(() =>
        this.#client.workflow.signalWithStart(type, {
          taskQueue: CONTROL_QUEUE,
          workflowId,
          workflowIdReusePolicy: 'ALLOW_DUPLICATE',
          args: [input],
          signal: ERASE_NOW,
          signalArgs: [],
          typedSearchAttributes: eraseAttributes(tenant),
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
    return this.#calls
      .within(() => this.#client.workflow.getHandle(workflowId).describe())
      .then(
        () => true,
        () => false,
      );
  }
}
