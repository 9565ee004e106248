/** What retention asks of Temporal: which sessions have ended, which uploads are in use; and the workflow that looks. */
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { RetentionPorts } from '../activities/retention.ts';
import { quoted } from '../gateway/temporal/visibility.ts';
import { eraseAttributes } from '../workflows/attributes.ts';
import { CONTROL_QUEUE, WORKFLOW, sessionWorkflowId } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';
import { eraseWorkflowId } from '../workflows/erase/contract.ts';
import type { EraseInput } from '../workflows/erase/contract.ts';
import { RETENTION_WORKFLOW_ID } from '../workflows/retention/contract.ts';

export class TemporalRetention {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Starts the workflow that looks; one for all orchestrators. */
  async begin(): Promise<void> {
    try {
      const workflowId = RETENTION_WORKFLOW_ID;
      await this.#client.workflow.start(WORKFLOW.retention, { taskQueue: CONTROL_QUEUE, workflowId, args: [0] });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  async *since(ms: number): ReturnType<RetentionPorts['ended']['since']> {
    const types = `WorkflowType IN (${quoted(WORKFLOW.session)}, ${quoted(WORKFLOW.file)})`;
    const ended = `ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'`;
    const query = `${types} AND ${ended} AND CloseTime > ${quoted(new Date(Math.max(0, ms)).toISOString())}`;
    for await (const { workflowId, closeTime } of this.#client.workflow.list({ query })) {
      const [kind, tenant, ...id] = workflowId.split('/');
      // A version of a session goes with it.
      if (kind !== 'session' || tenant === undefined || id.length !== 1 || closeTime === undefined) continue;
      yield { ref: { tenant, id: id[0] ?? '' }, closedMs: closeTime.getTime() };
    }
  }

  async eraseAt(ref: SessionRef, closedMs: number, dueMs: number): Promise<void> {
    const input: EraseInput = { ref, dueMs, closedMs };
    await this.#client.workflow.start(WORKFLOW.erase, {
      taskQueue: CONTROL_QUEUE,
      workflowId: eraseWorkflowId(ref),
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'USE_EXISTING',
      args: [input],
      typedSearchAttributes: eraseAttributes(ref.tenant),
    });
  }

  async isInUse(tenant: string, uploadId: string, session: string | null): Promise<boolean> {
    const running = `ExecutionStatus = 'Running' AND LonghandTenant = ${quoted(tenant)}`;
    if (session !== null) {
      const status = await this.#statusOf({ tenant, id: session });
      if (status !== null) return status === 'RUNNING';
      const query = `WorkflowType = ${quoted(WORKFLOW.batch)} AND ${running}`;
      return (await this.#client.workflow.count(query)).count > 0;
    }
    for await (const { memo } of this.#client.workflow.list({ query: `WorkflowType = 'file' AND ${running}` })) {
      if (memo?.['uploadId'] === uploadId) return true;
    }
    return false;
  }

  async #statusOf(ref: SessionRef): Promise<string | null> {
    try {
      return (await this.#client.workflow.getHandle(sessionWorkflowId(ref)).describe()).status.name;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }
}
