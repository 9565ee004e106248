/** How a session that is over was seen last: it stands in its result, and its workflow need not be replayed to be asked. */
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { SessionResult, SessionView } from '../../workflows/contract.ts';

/** Null: it is not over, or has left no view: it was ended from outside, or is an earlier version's. */
export async function lastView(client: Client, workflowId: string): Promise<SessionView | null> {
  // Asked for the closing event alone, Temporal waits for it.
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const left = history?.events?.[0]?.workflowExecutionCompletedEventAttributes?.result;
  if (!left) return null;
  const [payload] = left.payloads ?? [];
  return payload ? (defaultPayloadConverter.fromPayload<SessionResult>(payload).view ?? null) : null;
}
