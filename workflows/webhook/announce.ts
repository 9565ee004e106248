/** A session that has ended tells so: by a workflow that goes on after it. */
import { CancellationScope, ParentClosePolicy, startChild, uuid4 } from '@temporalio/workflow';
import { webhookAttributes } from '../attributes.ts';
import { WORKFLOW } from '../contract.ts';
import type { FileInput, LiveInput, SessionResult } from '../contract.ts';
import { webhookWorkflowId } from './contract.ts';
import type { MessageMemo, SessionFacts, WebhookEvent, WebhookInput } from './contract.ts';

/**
 * To be called once, when everything of the session is written. Answers as soon as the message is a workflow of its own; a
 * session without a receiver tells nobody.
 */
export async function announceEnd(session: LiveInput | FileInput, result: SessionResult): Promise<void> {
  const { webhook: target, ref } = session;
  if (target === undefined) return;
  const { tenant } = ref;
  const messageId = `msg_${uuid4().replaceAll('-', '')}`;
  const event: WebhookEvent = {
    type: `session.${result.state}`,
    timestamp: new Date().toISOString(),
    data: factsOf(session, result),
  };
  const message: MessageMemo = { type: event.type, session: ref.id, url: target.url, receiver: target.receiver };
  const input: WebhookInput = { tenant, messageId, target, event };
  await CancellationScope.nonCancellable(() =>
    startChild<(input: WebhookInput) => Promise<unknown>>(WORKFLOW.webhook, {
      workflowId: webhookWorkflowId(tenant, messageId),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      typedSearchAttributes: webhookAttributes(tenant, 'webhook', 'pending'),
      memo: { message },
    }),
  );
}

function factsOf(
  { ref, kind, model, language, labels = [] }: LiveInput | FileInput,
  result: SessionResult,
): SessionFacts {
  const { state, audioMs, segments, reason, detail } = result;
  const path = `/v1/sessions/${ref.id}`;
  // What was done before it was cancelled is written.
  const hasTranscript = state !== 'failed';
  return {
    id: ref.id,
    kind,
    state,
    model,
    language,
    labels,
    audioMs,
    segments,
    error: reason === null ? null : { code: reason, detail },
    links: { session: path, transcript: hasTranscript ? `${path}/transcript` : null },
  };
}
