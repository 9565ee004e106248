/** A live session whose results go to a receiver as they come: by a workflow that goes on after it, and waits for nobody. */
import {
  CancellationScope,
  ParentClosePolicy,
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  log,
  startChild,
} from '@temporalio/workflow';
import { webhookAttributes } from '../attributes.ts';
import { WORKFLOW } from '../contract.ts';
import type { LiveInput, SessionResult } from '../contract.ts';
import { NEWS, webhookWorkflowId } from './contract.ts';
import type { MessageMemo, ResultsInput, ResultsNews, ResultsReceiver } from './contract.ts';

export interface Telling {
  /** To be awaited once, when everything of the session is written. */
  end(result: SessionResult): Promise<void>;
}

const NOBODY: Telling = { end: () => Promise.resolve() };

/**
 * @param isFirst the session's first run: later ones tell the same receiver.
 * @param count finals that are committed.
 */
export function tellResults(input: LiveInput, isFirst: boolean, count: () => number): Telling {
  const { results, ref } = input;
  if (results === undefined) return NOBODY;
  const follower = getExternalWorkflowHandle(webhookWorkflowId(ref.tenant, results.messageId));
  const begun = isFirst ? CancellationScope.nonCancellable(() => begin(input, results)) : Promise.resolve();
  // One that was deleted is told nothing more; it holds no session up.
  const tell = (news: ResultsNews): Promise<void> =>
    begun
      .then(() => follower.signal(NEWS, news))
      .catch((error: unknown) => {
        if (isCancellation(error)) throw error;
        log.warn('nobody follows the results of the session', { error });
      });
  const asTheyCome = async (): Promise<never> => {
    for (let told = 0; ;) {
      await condition(() => count() > told);
      told = count();
      await tell({ count: told, end: null });
    }
  };
  asTheyCome().catch((error: unknown) => {
    if (!isCancellation(error)) throw error;
  });
  return {
    end: ({ segments, state, reason, detail, audioMs }) =>
      CancellationScope.nonCancellable(() => tell({ count: segments, end: { state, reason, detail, audioMs } })),
  };
}

async function begin({ ref, bounds }: LiveInput, { messageId, target }: ResultsReceiver): Promise<void> {
  const message: MessageMemo = {
    ...{ type: 'session.results', session: ref.id },
    ...{ url: target.url, receiver: target.receiver },
  };
  const input: ResultsInput = { ref, messageId, target, maxSessionMs: bounds.maxSessionMs };
  await startChild<(input: ResultsInput) => Promise<unknown>>(WORKFLOW.results, {
    workflowId: webhookWorkflowId(ref.tenant, messageId),
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    typedSearchAttributes: webhookAttributes(ref.tenant, 'webhook', 'pending'),
    memo: { message },
  });
}
