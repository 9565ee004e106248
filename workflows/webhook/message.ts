/** What every message to a receiver has in common, as the workflow that sends it holds it. */
import {
  ApplicationFailure,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  defineQuery,
  defineUpdate,
  log,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { stateAttribute, webhookAttributes } from '../attributes.ts';
import { WORKFLOW } from '../contract.ts';
import { DELIVERY_QUEUE, MESSAGE_QUERY, NOT_DEAD, SEND_AGAIN, receiverWorkflowId } from './contract.ts';
import type { MessageView, ReceiverInput, WebhookTarget } from './contract.ts';
import { initialDelivery, sentAgain } from './delivery.ts';
import type { DeliveryPhase, DeliveryState } from './delivery.ts';

const messageQuery = defineQuery<MessageView>(MESSAGE_QUERY);
const sendAgainUpdate = defineUpdate<MessageView>(SEND_AGAIN);

/** A message of many attempts continues as new after so many events. */
const ROTATE_AFTER_EVENTS = 1000;

export const deliveryOptions = (tenant: string): ActivityOptions => ({
  taskQueue: DELIVERY_QUEUE,
  startToCloseTimeout: '2m',
  // An orchestrator that dies in the middle is missed by then: another one sends the same message.
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
  priority: { fairnessKey: tenant },
});

interface Addressed {
  readonly tenant: string;
  readonly messageId: string;
  readonly target: WebhookTarget;
}

export class Message {
  readonly #addressed: Addressed;
  state: DeliveryState;

  constructor(addressed: Addressed, carried: DeliveryState | undefined) {
    this.#addressed = addressed;
    this.state = carried ?? initialDelivery(Date.now());
  }

  enter(state: DeliveryState): void {
    const before = this.state.phase.name;
    this.state = state;
    if (state.phase.name !== before) upsertSearchAttributes(stateAttribute(state.phase.name));
  }

  /** What follows from an attempt is true from now on. */
  async settle(state: DeliveryState): Promise<void> {
    this.enter(state);
    const { phase } = state;
    if (phase.name === 'dead') log.warn('a webhook is a dead letter', { reason: phase.reason });
    if (phase.name === 'dead' && phase.reason === 'gone') await this.#disableReceiver();
  }

  /** From now on nothing is sent to this receiver, whatever the message, until somebody enables it. */
  async #disableReceiver(): Promise<void> {
    const { tenant, messageId, target } = this.#addressed;
    const { url, receiver } = target;
    const input: ReceiverInput = { tenant, receiver, url, messageId };
    await startChild<(input: ReceiverInput) => Promise<unknown>>(WORKFLOW.receiver, {
      workflowId: receiverWorkflowId(tenant, receiver),
      args: [input],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      typedSearchAttributes: webhookAttributes(tenant, 'receiver', 'disabled'),
      memo: { receiver: { url, messageId } },
    }).catch((error: unknown) => {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    });
  }

  /** A dead letter waits to be sent again, for as long as it is kept. Answers whether it was. */
  isWantedAgain({ sinceMs }: Extract<DeliveryPhase, { name: 'dead' }>): Promise<boolean> {
    const { phase } = this.state;
    const leftMs = Math.max(1, sinceMs + this.#addressed.target.keepMs - Date.now());
    return condition(() => this.state.phase !== phase, leftMs);
  }

  listen(view: () => MessageView): void {
    setHandler(messageQuery, view);
    setHandler(
      sendAgainUpdate,
      () => {
        this.enter(sentAgain(this.state, Date.now()));
        return view();
      },
      {
        validator: () => {
          const { name } = this.state.phase;
          if (name !== 'dead') throw ApplicationFailure.nonRetryable(`the webhook is ${name}`, NOT_DEAD);
        },
      },
    );
  }
}

/**
 * Runs a message's course until it is over, or its history is long enough.
 * @param goOn waits for what comes next and does it; answers false when nothing does
 */
export async function runCourse(goOn: () => Promise<boolean>): Promise<'over' | 'rotate'> {
  let how: 'over' | 'rotate' = 'over';
  while (await goOn()) {
    if (workflowInfo().historyLength < ROTATE_AFTER_EVENTS) continue;
    how = 'rotate';
    break;
  }
  await condition(allHandlersFinished);
  return how;
}
