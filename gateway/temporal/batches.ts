/** Batches as workflows (workflows/batch/batch.ts). */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { batchAttributes } from '../../workflows/attributes.ts';
import { BATCH_ITEMS_QUERY, BATCH_QUERY, CANCEL_BATCH, batchWorkflowId } from '../../workflows/batch/contract.ts';
import type { BatchInput, BatchItemView, BatchMemo, BatchView } from '../../workflows/batch/contract.ts';
import { CONTROL_QUEUE, WORKFLOW } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import type { BatchesPort, BatchSummary } from '../ports.ts';
import { Calls } from './calls.ts';
import { isoTime, quoted, Visibility } from './visibility.ts';
import type { Row } from './visibility.ts';

export class TemporalBatches implements BatchesPort {
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #visibility: Visibility;

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#calls = new Calls(client, deadlineMs, 'no such batch');
    this.#visibility = new Visibility(client);
  }

  async start(input: BatchInput, name: string, fingerprint: string): Promise<boolean> {
    const batch: BatchMemo = { name, items: input.items.length };
    try {
      await this.#calls.ask(() =>
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
    const description = await this.#calls.askIfThere(() => this.#handle(ref).describe());
    if (description === null) return null;
    const { memo } = description;
    return { name: (memo?.['batch'] as BatchMemo).name, fingerprint: String(memo?.['fingerprint']) };
  }

  view(ref: SessionRef): Promise<BatchView> {
    return this.#calls.ask(() => this.#handle(ref).query<BatchView>(BATCH_QUERY));
  }

  items(ref: SessionRef, from: number, limit: number): Promise<BatchItemView[]> {
    return this.#calls.ask(() =>
      this.#handle(ref).query<BatchItemView[], [number, number]>(BATCH_ITEMS_QUERY, from, limit),
    );
  }

  async cancel(ref: SessionRef): Promise<void> {
    // One that has ended cannot be cancelled any more, and is as it was.
    await this.#calls.askIfThere(() => this.#handle(ref).signal(CANCEL_BATCH));
  }

  async list(tenant: string, limit: number, cursor: string | null) {
    const which = `WorkflowType = ${quoted(WORKFLOW.batch)} AND LonghandTenant = ${quoted(tenant)}`;
    const page = await this.#calls.ask(() =>
      this.#visibility.page(`${which} AND ExecutionStatus != 'ContinuedAsNew'`, limit, cursor),
    );
    return { batches: page.rows.map(summaryOf), cursor: page.cursor };
  }

  #handle(ref: SessionRef): WorkflowHandle {
    return this.#client.workflow.getHandle(batchWorkflowId(ref));
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
