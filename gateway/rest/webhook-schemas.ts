/** What REST gives of webhooks, and what a receiver is sent: the schemas of the OpenAPI document. */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { DEAD_REASONS, MESSAGE_TYPES, WEBHOOK_TYPES } from '../../workflows/webhook/contract.ts';
import { listParameters } from './schemas.ts';

extendZodWithOpenApi(z);

const STATES = ['pending', 'delivered', 'dead'] as const;

export const webhookParameters = z.strictObject({
  ...listParameters.shape,
  state: z.enum(STATES, `one of ${STATES.join(', ')}`).optional(),
});

const message = {
  id: z.string().describe('the `webhook-id` that the receiver is sent, the same each time'),
  type: z
    .enum(MESSAGE_TYPES)
    .describe('`session.results`: the results of a live session, sent one by one to the callback of a Deepgram client'),
  session: z.string(),
  url: z.string(),
  receiver: z.string().describe('name of the receiver: the same for the same address'),
  state: z.enum(STATES).describe('`dead`: given up, and kept to be sent again'),
};

export const webhookListSchema = z
  .object({
    webhooks: z.array(z.object({ ...message, startedAt: z.iso.datetime(), endedAt: z.iso.datetime().nullable() })),
    nextCursor: z.string().nullable().describe('give it as `cursor` for the next page; null on the last'),
  })
  .openapi('WebhookList');

export const webhookEventSchema = z
  .object({
    type: z.enum(WEBHOOK_TYPES),
    timestamp: z.iso.datetime().describe('when the session ended'),
    data: z.object({
      id: z.string().describe('of the session'),
      kind: z.enum(['live', 'file']),
      state: z.enum(['completed', 'failed', 'cancelled']),
      model: z.string(),
      language: z.string(),
      labels: z.array(z.string()).readonly().describe('each key:value, as given at the start'),
      audioMs: z.number(),
      segments: z.int(),
      error: z.object({ code: z.string(), detail: z.string().nullable() }).nullable(),
      links: z
        .object({ session: z.string(), transcript: z.string().nullable() })
        .describe('paths below the address of the installation; null where there is no transcript'),
    }),
  })
  .openapi('WebhookEvent');

export const webhookSchema = z
  .object({
    ...message,
    reason: z
      .enum(DEAD_REASONS)
      .nullable()
      .describe(
        'why it is a dead letter: tried to the end, 410 just now or earlier, an address that is not spoken to, a live session that was terminated',
      ),
    nextAttemptAt: z.iso.datetime().nullable(),
    attempts: z
      .array(
        z.object({
          number: z.int(),
          at: z.iso.datetime(),
          durationMs: z.number(),
          status: z.int().nullable().describe('of the answer; null when there was none'),
          detail: z.string().nullable().describe('what went wrong'),
        }),
      )
      .describe('the latest 50, oldest first'),
    event: webhookEventSchema.nullable().describe('the body that the receiver is sent; null where it is sent results'),
    results: z.int().nullable().describe('finals that the receiver has; null where it is told of the end alone'),
  })
  .openapi('Webhook');

export const receiverListSchema = z
  .object({
    receivers: z.array(
      z.object({
        id: z.string(),
        url: z.string(),
        webhook: z.string().describe('id of the webhook that it answered with 410'),
        disabledAt: z.iso.datetime(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('DisabledReceivers');

export const receiverSchema = z.object({ id: z.string(), disabled: z.literal(false) }).openapi('Receiver');
