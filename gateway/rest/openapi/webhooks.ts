/** The webhooks' operations, and what Longhand itself sends to receivers. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { WEBHOOK_TYPES } from '../../../workflows/webhook/contract.ts';
import { listParameters } from '../schemas.ts';
import {
  receiverListSchema,
  receiverSchema,
  webhookEventSchema,
  webhookListSchema,
  webhookParameters,
  webhookSchema,
} from '../webhook-schemas.ts';
import { ALWAYS, BAD_PARAMETERS, json, problems, withId } from './parts.ts';

export function describeWebhooks(registry: OpenAPIRegistry): void {
  describeMessages(registry);
  describeReceivers(registry);
  for (const type of WEBHOOK_TYPES) describeSent(registry, type);
}

function describeMessages(registry: OpenAPIRegistry): void {
  const page = { 200: json(webhookListSchema, 'A page of webhooks'), ...problems(...BAD_PARAMETERS, ...ALWAYS) };
  registry.registerPath({
    method: 'get',
    path: '/v1/webhooks',
    tags: ['webhooks'],
    summary: 'Webhooks, those on their way first, newest first',
    request: { query: webhookParameters },
    responses: page,
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/webhooks/dead-letters',
    tags: ['webhooks'],
    summary: 'Webhooks that did not get through, newest first: they are kept to be sent again',
    request: { query: listParameters },
    responses: page,
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/webhooks/{id}',
    tags: ['webhooks'],
    summary: 'One webhook: each attempt, and what the receiver is sent',
    request: { params: withId },
    responses: { 200: json(webhookSchema, 'The webhook'), ...problems('not_found', ...ALWAYS) },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/webhooks/dead-letters/{id}/send',
    tags: ['webhooks'],
    summary: 'Send a dead letter again, now and by the whole schedule, under the same id',
    request: { params: withId },
    responses: { 202: json(webhookSchema, 'It is on its way'), ...problems('not_found', ...ALWAYS) },
  });
}

function describeReceivers(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/webhooks/receivers',
    tags: ['webhooks'],
    summary: 'Receivers that are disabled, for they have answered 410 Gone: nothing is sent there',
    request: { query: listParameters },
    responses: {
      200: json(receiverListSchema, 'A page of receivers'),
      ...problems(...BAD_PARAMETERS, ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/webhooks/receivers/{id}/enable',
    tags: ['webhooks'],
    summary: 'Send to a receiver again; its dead letters stay until each is sent again',
    request: { params: withId },
    responses: {
      202: json(receiverSchema, 'The receiver is enabled'),
      ...problems('not_found', ...ALWAYS),
    },
  });
}

/** Standard Webhooks 1.0.0: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const sentHeaders = z.object({
  'webhook-id': z
    .string()
    .describe('the same each time that the message is sent: what was seen before may be let fall'),
  'webhook-timestamp': z.string().describe('seconds since 1970 when it was sent, this time'),
  'webhook-signature': z
    .string()
    .describe('`v1,` and the base64 of the HMAC-SHA256 of `id.timestamp.body`; one a secret, with spaces between'),
});

function describeSent(registry: OpenAPIRegistry, type: (typeof WEBHOOK_TYPES)[number]): void {
  registry.registerWebhook({
    method: 'post',
    path: type,
    tags: ['webhooks'],
    summary: `A session is ${type.replace('session.', '')}`,
    request: {
      headers: sentHeaders,
      body: { required: true, content: { 'application/json': { schema: webhookEventSchema } } },
    },
    responses: {
      '2XX': { description: 'It is received, and not sent again' },
      410: { description: 'The receiver is disabled until it is enabled again' },
      default: { description: 'It is sent again by schedule; `Retry-After` of 429, 502, 503 and 504 is followed' },
    },
  });
}
