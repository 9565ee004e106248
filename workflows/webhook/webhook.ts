/**
 * One message to one receiver, until it is received or given up: each attempt an activity, each pause a timer, so that it
 * survives whatever is killed. As a dead letter it waits to be sent again, for as long as it is kept.
 */
import { continueAsNew, proxyActivities, sleep } from '@temporalio/workflow';
import type { DeliveryActivities, DeliveryOutcome, MessageView, WebhookInput } from './contract.ts';
import { afterAttempt, deliveryView } from './delivery.ts';
import type { DeliveryState } from './delivery.ts';
import { Message, deliveryOptions, runCourse } from './message.ts';

function deliver({ tenant, messageId, target, event }: WebhookInput): Promise<DeliveryOutcome> {
  const { deliverWebhook } = proxyActivities<DeliveryActivities>(deliveryOptions(tenant));
  const { url, receiver, form } = target;
  return deliverWebhook({ tenant, messageId, url, receiver, event, ...(form === undefined ? {} : { form }) });
}

async function attempt(input: WebhookInput, message: Message): Promise<void> {
  const startMs = Date.now();
  const outcome = await deliver(input);
  const now = { startMs, nowMs: Date.now(), random: Math.random() };
  await message.settle(afterAttempt(message.state, outcome, input.target.retryMs, now));
}

/** Waits for what comes next; false when nothing does. */
async function goOn(input: WebhookInput, message: Message): Promise<boolean> {
  const { phase } = message.state;
  switch (phase.name) {
    case 'pending':
      if (phase.atMs > Date.now()) await sleep(phase.atMs - Date.now());
      await attempt(input, message);
      return true;
    case 'delivered':
      return false;
    case 'dead':
      return message.isWantedAgain(phase);
    default:
      return phase satisfies never;
  }
}

export async function webhook(input: WebhookInput, carried?: DeliveryState): Promise<MessageView> {
  const message = new Message(input, carried);
  const { target, event } = input;
  const { url, receiver } = target;
  const view = (): MessageView => ({
    ...deliveryView(message.state),
    ...{ url, receiver, type: event.type, session: event.data.id, event, results: null },
  });
  message.listen(view);
  if ((await runCourse(() => goOn(input, message))) === 'rotate') {
    return await continueAsNew<typeof webhook>(input, message.state);
  }
  return view();
}
