/** A session's histories, as Temporal keeps them: found, ended and deleted. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { ErasableHistories, Run } from '../activities/erase.ts';
import { Calls } from '../gateway/temporal/calls.ts';
import { quoted } from '../gateway/temporal/visibility.ts';
import { resultsMessages } from '../gateway/webhooks/target.ts';
import { SIGNAL, WORKFLOW, sessionWorkflowId } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';
import { webhookWorkflowId } from '../workflows/webhook/contract.ts';
import type { MessageMemo } from '../workflows/webhook/contract.ts';

const DEADLINE_MS = 10_000;
/** A webhook is begun when its session ends. */
const ANNOUNCED_WITHIN_MS = 60_000;

export class TemporalHistories implements ErasableHistories {
  readonly #client: Client;
  readonly #calls: Calls;

  constructor(client: Client) {
    this.#client = client;
    this.#calls = new Calls(client, DEADLINE_MS);
  }

  async runs(ref: SessionRef): Promise<Run[]> {
    const id = sessionWorkflowId(ref);
    const listed = await this.#list(`WorkflowId = ${quoted(id)} OR WorkflowId STARTS_WITH ${quoted(`${id}/`)}`);
    const newest = await this.#newest(ref);
    const own: Info[] = newest === null ? listed : [...listed, newest];
    const webhooks = await this.#webhooks(ref, own);
    const results = await this.#list(
      `WorkflowId STARTS_WITH ${quoted(webhookWorkflowId(ref.tenant, resultsMessages(ref)))}`,
    );
    const byRun = new Map([...own, ...webhooks, ...results].map((info) => [info.runId, info]));
    return [...byRun.values()].map((info) => runOf(info, id));
  }

  async exists(ref: SessionRef): Promise<boolean> {
    return (await this.#newest(ref)) !== null;
  }

  /** A list is up to a second old: a session that has just begun is asked for by its name. */
  async #newest(ref: SessionRef): Promise<Info | null> {
    return this.#calls.askIfThere(() => this.#client.workflow.getHandle(sessionWorkflowId(ref)).describe());
  }

  async #webhooks(ref: SessionRef, own: readonly Info[]): Promise<WorkflowExecutionInfo[]> {
    const closed = own.flatMap(({ workflowId, closeTime }) =>
      closeTime !== undefined && workflowId === sessionWorkflowId(ref) ? [closeTime.getTime()] : [],
    );
    const found: WorkflowExecutionInfo[] = [];
    for (const closedMs of new Set(closed)) {
      const [from, to] = [closedMs - ANNOUNCED_WITHIN_MS, closedMs + ANNOUNCED_WITHIN_MS].map((ms) =>
        quoted(new Date(ms).toISOString()),
      );
      const of = `WorkflowType = ${quoted(WORKFLOW.webhook)} AND LonghandTenant = ${quoted(ref.tenant)}`;
      const near = await this.#list(`${of} AND StartTime BETWEEN ${from} AND ${to}`);
      found.push(...near.filter(({ memo }) => (memo?.['message'] as MessageMemo | undefined)?.session === ref.id));
    }
    return found;
  }

  #list(query: string): Promise<WorkflowExecutionInfo[]> {
    return this.#calls.within(() => Array.fromAsync(this.#client.workflow.list({ query })));
  }

  async end({ workflowId, runId }: Run, how: 'cancel' | 'terminate'): Promise<void> {
    const handle = this.#client.workflow.getHandle(workflowId, runId);
    await this.#calls.askIfThere(async () => {
      if (how === 'terminate') await handle.terminate('deleted');
      else await handle.signal(SIGNAL.cancel);
    });
  }

  async delete({ workflowId, runId }: Run): Promise<void> {
    const { namespace } = this.#client.options;
    const workflowExecution = { workflowId, runId };
    await this.#calls.askIfThere(() =>
      this.#client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution }),
    );
  }
}

type Info = Pick<WorkflowExecutionInfo, 'workflowId' | 'runId' | 'status' | 'memo' | 'startTime' | 'closeTime'>;

function runOf({ workflowId, runId, status, memo, startTime }: Info, own: string): Run {
  const uploadId = memo?.['uploadId'];
  return {
    workflowId,
    runId,
    isOwn: workflowId === own,
    startMs: startTime.getTime(),
    isRunning: status.name === 'RUNNING',
    uploadId: typeof uploadId === 'string' ? uploadId : null,
  };
}
