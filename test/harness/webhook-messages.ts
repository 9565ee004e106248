/** What tests of webhooks as workflows have in common: sessions that end, and the messages that tell of it. */
import type { WorkflowHandle } from '@temporalio/client';
import type { LiveInput } from '../../workflows/contract.ts';
import { MESSAGE_QUERY } from '../../workflows/webhook/contract.ts';
import type { DeliveryOutcome, MessageView, WebhookTarget } from '../../workflows/webhook/contract.ts';
import { live } from '../workflows/session/given.ts';
import { until } from './until.ts';
import type { Cast, Stage } from './workflow-stage.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const SCHEDULE = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

export const target = (receiver: string, changes: Partial<WebhookTarget> = {}): WebhookTarget => ({
  url: 'https://hooks.example/x',
  receiver,
  retryMs: SCHEDULE,
  keepMs: 30 * 24 * HOUR,
  ...changes,
});
export const liveInput = (
  cast: Cast,
  webhook?: WebhookTarget,
  bounds: Partial<LiveInput['bounds']> = {},
): LiveInput => ({
  ...live,
  ref: { tenant: 't', id: cast.id },
  bounds: { ...live.bounds, ...bounds },
  ...(webhook === undefined ? {} : { webhook }),
});

export const answered = (status: number): Promise<DeliveryOutcome> =>
  Promise.resolve({ kind: 'answered', status, retryAfterMs: null, durationMs: 1 });

/** A live session that ends as soon as it streams. */
export async function ended(here: Stage, cast: Cast, input: LiveInput): Promise<void> {
  cast.stream = () => Promise.resolve({ why: 'end', detail: null });
  await here.result(await here.startLive(input));
}

export const delivered = (cast: Cast, times: number) =>
  until(
    `${cast.id} is told ${times} times`,
    () => cast.deliveries,
    (seen) => seen.length >= times,
  );
export async function messageOf(here: Stage, cast: Cast): Promise<WorkflowHandle> {
  const [first] = await delivered(cast, 1);
  return here.client.workflow.getHandle(`webhook/t/${first?.messageId ?? ''}`);
}
export const view = (message: WorkflowHandle): Promise<MessageView> => message.query<MessageView>(MESSAGE_QUERY);
export const untilState = (message: WorkflowHandle, state: string): Promise<MessageView> =>
  until(
    `it is ${state}`,
    () => view(message),
    (seen) => seen.state === state,
  );
