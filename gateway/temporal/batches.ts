/** Batches as workflows (workflows/batch/batch.ts). */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { batchAttributes } from '../../workflows/attributes.ts';
import { BATCH_ITEMS_QUERY, BATCH_QUERY, CANCEL_BATCH, batchWorkflowId } from '../../workflows/batch/contract.ts';
import type { BatchInput, BatchItemView, BatchMemo, BatchView } from '../../workflows/batch/contract.ts';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { BatchesPort, BatchSummary } from '../ports.ts';
import { asOurs, isGone } from './errors.ts';
import { isoTime, quoted, Visibility } from './visibility.ts';
import type { Row } from './visibility.ts';

export class TemporalBatches implements BatchesPort {
  readonly #client: Client;
  readonly #deadlineMs: number;
  readonly #visibility: Visibility;

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
    this.#visibility = new Visibility(client);
  }

  async start(input: BatchInput, name: string, fingerprint: string): Promise<boolean> {
    const batch: BatchMemo = { name, items: input.items.length };
    try {
      await this.#ask(() =>
        this.#client.workflow.start(WORKFLOW.batch, {
          taskQueue: CONTROL_QUEUE,
          workflowId: batchWorkflowId(input.ref),
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          args: [input],
          memo: { batch, fingerprint },
          typedSearchAttributes: batchAttributes(input.ref.tenant),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw error;
    }
  }

  async about(ref: SessionRef): Promise<{ readonly name: string; readonly fingerprint: string } | null> {
    try {
      const { memo } = await this.#withDeadline(() => this.#handle(ref).describe());
      const { name } = memo?.['batch'] as BatchMemo;
      return { name, fingerprint: String(memo?.['fingerprint']) };
    } catch (error) {
      if (isGone(error)) return null;
      throw asOurs(error);
    }
  }

  view(ref: SessionRef): Promise<BatchView> {
    return this.#ask(() => this.#handle(ref).query<BatchView>(BATCH_QUERY));
  }

  items(ref: SessionRef, from: number, limit: number): Promise<BatchItemView[]> {
    return this.#ask(() => this.#handle(ref).query<BatchItemView[], [number, number]>(BATCH_ITEMS_QUERY, from, limit));
  }

  async cancel(ref: SessionRef): Promise<void> {
    try {
      await this.#withDeadline(() => this.#handle(ref).signal(CANCEL_BATCH));
    } catch (error) {
      // One that has ended cannot be cancelled any more, and is as it was.
      if (!isGone(error)) throw asOurs(error);
    }
  }

  async list(tenant: string, limit: number, cursor: string | null) {
    const which = `WorkflowType = ${quoted(WORKFLOW.batch)} AND LonghandTenant = ${quoted(tenant)}`;
    const page = await this.#ask(() =>
      this.#visibility.page(`${which} AND ExecutionStatus != 'ContinuedAsNew'`, limit, cursor),
    );
    return { batches: page.rows.map(summaryOf), cursor: page.cursor };
  }

  #handle(ref: SessionRef): WorkflowHandle {
    return this.#client.workflow.getHandle(batchWorkflowId(ref));
  }

  #withDeadline<T>(call: () => Promise<T>): Promise<T> {
    return this.#client.withDeadline(Date.now() + this.#deadlineMs, call);
  }

  async #ask<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#withDeadline(call);
    } catch (error) {
      if (isGone(error)) throw new Failure('not_found', 'no such batch');
      throw asOurs(error);
    }
  }
}

function summaryOf({ workflowId, startMs, closeMs, attributes, memo }: Row): BatchSummary {
  const { name, items } = (memo['batch'] ?? { name: '', items: 0 }) as BatchMemo;
  const state = attributes['LonghandState'];
  return {
    id: workflowId.split('/').slice(2).join('/'),
    name,
    state: typeof state === 'string' ? state : 'running',
    items,
    startedAt: new Date(startMs).toISOString(),
    endedAt: isoTime(closeMs),
  };
}
