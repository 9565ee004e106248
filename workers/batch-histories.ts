/** A batch's histories, as Temporal keeps them, and those of its sessions: found, ended and deleted. */
import type { Client } from '@temporalio/client';
import type { ErasableBatches } from '../activities/erase-batch.ts';
import { Calls } from '../gateway/temporal/calls.ts';
import { TemporalErasures } from '../gateway/temporal/erasures.ts';
import { quoted } from '../gateway/temporal/visibility.ts';
import { BATCH_ITEMS_QUERY, CANCEL_BATCH, batchWorkflowId } from '../workflows/batch/contract.ts';
import type { BatchItemView, BatchMemo } from '../workflows/batch/contract.ts';
import { sessionWorkflowId } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';

const DEADLINE_MS = 10_000;

export class TemporalBatchHistories implements ErasableBatches {
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #erasures: TemporalErasures;

  constructor(client: Client) {
    this.#client = client;
    this.#calls = new Calls(client, DEADLINE_MS);
    this.#erasures = new TemporalErasures(client, DEADLINE_MS);
  }

  async find(ref: SessionRef) {
    const description = await this.#calls.askIfThere(() => this.#handle(ref).describe());
    if (description === null) return null;
    const { items } = description.memo?.['batch'] as BatchMemo;
    return { isRunning: description.status.name === 'RUNNING', items };
  }

  async end(ref: SessionRef, how: 'cancel' | 'terminate'): Promise<void> {
    await this.#calls.askIfThere(async () => {
      if (how === 'terminate') await this.#handle(ref).terminate('deleted');
      else await this.#handle(ref).signal(CANCEL_BATCH);
    });
  }

  async items(ref: SessionRef, from: number, limit: number): Promise<readonly BatchItemView[]> {
    const ask = () => this.#handle(ref).query<BatchItemView[], [number, number]>(BATCH_ITEMS_QUERY, from, limit);
    return (await this.#calls.askIfThere(ask)) ?? [];
  }

  async delete(ref: SessionRef): Promise<number> {
    const { namespace } = this.#client.options;
    const query = `WorkflowId = ${quoted(batchWorkflowId(ref))}`;
    const runs = await this.#calls.ask(() => Array.fromAsync(this.#client.workflow.list({ query })));
    for (const { workflowId, runId } of runs) {
      const request = { namespace, workflowExecution: { workflowId, runId } };
      await this.#calls.askIfThere(() => this.#client.workflowService.deleteWorkflowExecution(request));
    }
    return runs.length;
  }

  async uploadOf(session: SessionRef): Promise<string | null | undefined> {
    const handle = this.#client.workflow.getHandle(sessionWorkflowId(session));
    const description = await this.#calls.askIfThere(() => handle.describe());
    if (description === null) return undefined;
    const uploadId = description.memo?.['uploadId'];
    return typeof uploadId === 'string' ? uploadId : null;
  }

  eraseSession(session: SessionRef, waitMs: number): Promise<unknown> {
    return this.#erasures.erase(session, waitMs);
  }

  #handle(ref: SessionRef) {
    return this.#client.workflow.getHandle(batchWorkflowId(ref));
  }
}
