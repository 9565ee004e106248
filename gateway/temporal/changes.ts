/** Says when something has happened in a workflow: a long poll of its history, which costs the history nothing. */
import type { Client } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { asOurs, isGone } from './errors.ts';
import { Turn } from './turn.ts';

/** An earlier page of a history is only passed over on the way to its end. */
const PAGE_EVENTS = 200;
/** Temporal answers a poll without news after 20 s. */
const POLL_MS = 60_000;
const RETRY_MS = 500;

/** Of temporal.api.enums.v1.EventType: WORKFLOW_TASK_SCHEDULED and _STARTED, in which nothing has happened yet. */
const NO_NEWS: ReadonlySet<number> = new Set([5, 6]);

/**
 * One turn for each piece of news, through all runs, until the workflow has closed or the signal is aborted. Waits while
 * Temporal is away.
 * @throws Failure `not_found`
 */
export async function* changesOf(client: Client, workflowId: string, signal: AbortSignal): AsyncGenerator<undefined> {
  let runId = '';
  let nextPageToken: Uint8Array = new Uint8Array();
  while (!signal.aborted) {
    const page = await poll(client, { workflowId, runId }, nextPageToken, signal);
    if (page === null) {
      await pause(RETRY_MS);
      continue;
    }
    const events = page.history?.events ?? [];
    if (events.some(({ eventType }) => !NO_NEWS.has(eventType ?? 0))) yield;
    nextPageToken = page.nextPageToken;
    if (nextPageToken.length > 0) continue;
    const next = events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId;
    if (next === undefined || next === null) return;
    runId = next;
  }
}

/** Null: not now. */
async function poll(
  client: Client,
  execution: { readonly workflowId: string; readonly runId: string },
  nextPageToken: Uint8Array,
  signal: AbortSignal,
) {
  const { namespace } = client.options;
  const turn = new Turn(signal, POLL_MS);
  try {
    const request = { namespace, execution, maximumPageSize: PAGE_EVENTS, nextPageToken, waitNewEvent: true };
    return await client.withAbortSignal(turn.signal, () => client.workflowService.getWorkflowExecutionHistory(request));
  } catch (error) {
    if (isGone(error)) throw asOurs(error);
    return null;
  } finally {
    turn.end();
  }
}
