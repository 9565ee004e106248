/**
 * One message to one receiver, until it is received or given up: each attempt an activity, each pause a timer, so that it
 * survives whatever is killed. As a dead letter it waits to be sent again, for as long as it is kept.
 */
import {
  ApplicationFailure,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineUpdate,
  log,
  proxyActivities,
  setHandler,
  sleep,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { stateAttribute, webhookAttributes } from '../attributes.ts';
import { WORKFLOW } from '../contract.ts';
import { DELIVERY_QUEUE, MESSAGE_QUERY, NOT_DEAD, SEND_AGAIN, receiverWorkflowId } from './contract.ts';
import type { DeliveryActivities, DeliveryOutcome, MessageView, ReceiverInput, WebhookInput } from './contract.ts';
import { afterAttempt, initialDelivery, messageView, sentAgain } from './delivery.ts';
import type { DeliveryState } from './delivery.ts';

const messageQuery = defineQuery<MessageView>(MESSAGE_QUERY);
const sendAgainUpdate = defineUpdate<MessageView>(SEND_AGAIN);

/** A message that is sent again by hand, again and again, continues as new after so many events. */
const ROTATE_AFTER_EVENTS = 1000;

class Message {
  readonly input: WebhookInput;
  state: DeliveryState;

  constructor(input: WebhookInput, carried: DeliveryState | undefined) {
    this.input = input;
    this.state = carried ?? initialDelivery(Date.now());
  }

  view(): MessageView {
    return messageView(this.input, this.state);
  }

  enter(state: DeliveryState): void {
    const before = this.state.phase.name;
    this.state = state;
    if (state.phase.name !== before) upsertSearchAttributes(stateAttribute(state.phase.name));
  }

  async attempt(): Promise<void> {
    const { target } = this.input;
    const startMs = Date.now();
    const outcome = await this.#deliver();
    const now = { startMs, nowMs: Date.now(), random: Math.random() };
    this.enter(afterAttempt(this.state, outcome, target.retryMs, now));
    const { phase } = this.state;
    if (phase.name === 'dead') log.warn('a webhook is a dead letter', { reason: phase.reason });
    if (phase.name === 'dead' && phase.reason === 'gone') await this.#disableReceiver();
  }

  #deliver(): Promise<DeliveryOutcome> {
    const { tenant, messageId, target, event } = this.input;
    const { deliverWebhook } = proxyActivities<DeliveryActivities>({
      taskQueue: DELIVERY_QUEUE,
      startToCloseTimeout: '2m',
      // An orchestrator that dies in the middle is missed by then: another one sends the same message.
      heartbeatTimeout: '5s',
      retry: { initialInterval: '1s', maximumInterval: '30s' },
      priority: { fairnessKey: tenant },
    });
    const { url, receiver, form } = target;
    return deliverWebhook({ tenant, messageId, url, receiver, event, ...(form === undefined ? {} : { form }) });
  }

  /** From now on nothing is sent to this receiver, whatever the message, until somebody enables it. */
  async #disableReceiver(): Promise<void> {
    const { tenant, messageId, target } = this.input;
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
}

function listen(message: Message): void {
  setHandler(messageQuery, () => message.view());
  setHandler(
    sendAgainUpdate,
    () => {
      message.enter(sentAgain(message.state, Date.now()));
      return message.view();
    },
    {
      validator: () => {
        const { name } = message.state.phase;
        if (name !== 'dead') throw ApplicationFailure.nonRetryable(`the webhook is ${name}`, NOT_DEAD);
      },
    },
  );
}

/** Waits for what comes next; false when nothing does. */
async function goOn(message: Message): Promise<boolean> {
  const { phase } = message.state;
  switch (phase.name) {
    case 'pending':
      if (phase.atMs > Date.now()) await sleep(phase.atMs - Date.now());
      await message.attempt();
      return true;
    case 'delivered':
      return false;
    case 'dead':
      return condition(
        () => message.state.phase !== phase,
        Math.max(1, phase.sinceMs + message.input.target.keepMs - Date.now()),
      );
    default:
      return phase satisfies never;
  }
}

export async function webhook(input: WebhookInput, carried?: DeliveryState): Promise<MessageView> {
  const message = new Message(input, carried);
  listen(message);
  while (await goOn(message)) {
    if (workflowInfo().historyLength < ROTATE_AFTER_EVENTS) continue;
    await condition(allHandlersFinished);
    return await continueAsNew<typeof webhook>(input, message.state);
  }
  await condition(allHandlersFinished);
  return message.view();
}
