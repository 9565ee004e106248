/** Reads histories from Temporal: a session's own, across continue-as-new, and its children's. */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { History } from '@temporalio/common/lib/proto-utils.js';
import { historyToJson } from './proto-json.ts';
import { newRecording } from './recording.ts';
import type { HistoryEvent, RecordedRun, Recording } from './recording.ts';

/** @throws WorkflowNotFoundError when there is no such workflow. */
export async function fetchRecording(client: Client, workflowId: string): Promise<Recording> {
  const runs: RecordedRun[] = [];
  const incomplete: string[] = [];
  const waiting = [workflowId];
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const chain = await fetchChain(client, id);
    runs.push(...chain.runs);
    if (!chain.isWhole) incomplete.push(id);
    waiting.push(...chain.children);
  }
  return newRecording({ workflowId, incomplete, runs });
}

interface Chain {
  /** Oldest first. */
  readonly runs: RecordedRun[];
  readonly children: ReadonlySet<string>;
  /** False: Temporal has let the oldest runs go. */
  readonly isWhole: boolean;
}

/** From the latest run back to the first, each naming the one it continues. */
async function fetchChain(client: Client, workflowId: string): Promise<Chain> {
  const latest = await client.workflow.getHandle(workflowId).describe();
  const runs: RecordedRun[] = [];
  const children = new Set<string>();
  for (let runId = latest.runId; runId !== '';) {
    const history = await historyOf(client, workflowId, runId);
    if (history === null) return { runs, children, isWhole: false };
    runs.unshift({ workflowId, runId, workflowType: latest.type, events: eventsOf(history) });
    for (const child of childrenOf(history)) children.add(child);
    runId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ?? '';
  }
  return { runs, children, isWhole: true };
}

async function historyOf(client: Client, workflowId: string, runId: string): Promise<History | null> {
  try {
    return await client.workflow.getHandle(workflowId, runId).fetchHistory();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

const eventsOf = (history: History): HistoryEvent[] => (historyToJson(history) as { events: HistoryEvent[] }).events;

const childrenOf = ({ events }: History): string[] =>
  (events ?? [])
    .map((event) => event.childWorkflowExecutionStartedEventAttributes?.workflowExecution?.workflowId ?? '')
    .filter((id) => id !== '');
