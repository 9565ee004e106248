/** kaldi-gstreamer-server's HTTP addresses in the OpenAPI document. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { nameSchema } from '../../protocol.ts';
import { AT_THE_DOOR, json, text } from '../../rest/openapi/parts.ts';
import { STATUS } from './answers.ts';

const recognisedSchema = z
  .object({
    status: z.literal(STATUS.success),
    id: z.string().describe('of the session'),
    hypotheses: z.array(z.object({ utterance: z.string().describe('all finals, joined by a space') })),
    ignored: z.array(z.string()).optional().describe('what has no effect here: ours'),
  })
  .openapi('KaldiRecognition');

const failedSchema = z
  .object({
    status: z.union(Object.values(STATUS).map((status) => z.literal(status))),
    id: z.string(),
    message: z.string(),
  })
  .openapi('KaldiFailure');

const TOO_MANY = text('More requests a second than are taken');

const id = z.string().optional().describe('a label of the session');

export function describeKaldi(registry: OpenAPIRegistry): void {
  for (const method of ['put', 'post'] as const) describeRecognise(registry, method);
  registry.registerPath({
    method: 'post',
    path: '/client/dynamic/reference',
    tags: ['kaldi'],
    summary: 'Keep the text that was spoken, as a person wrote it',
    request: {
      headers: z.object({ 'Content-Id': z.string(), 'User-Id': z.string().optional() }),
      body: { required: true, content: { 'text/plain': { schema: z.string() } } },
    },
    responses: {
      200: { description: 'It is stored' },
      400: text('Without a Content-Id, or a long one'),
      413: text('A text that is too long'),
      429: TOO_MANY,
      500: text('A fault of the service'),
      503: text('The storage does not answer'),
      507: text('The storage has no room left'),
      ...AT_THE_DOOR,
    },
  });
}

function describeRecognise(registry: OpenAPIRegistry, method: 'put' | 'post'): void {
  const file = z.string().openapi({ type: 'string', format: 'binary' });
  registry.registerPath({
    method,
    path: '/client/dynamic/recognize',
    tags: ['kaldi'],
    summary: 'Transcribe a body while it is uploaded, as kaldi-gstreamer-server does',
    description: 'Types of content, status codes and the WebSockets: docs/dialects/kaldi.md.',
    request: {
      query: z.object({
        session: nameSchema.optional(),
        model: z.string().optional(),
        language: z.string().optional(),
        'user-id': id,
        'content-id': id,
      }),
      headers: z.object({ 'User-Id': id, 'Content-Id': id, 'device-id': id }),
      body: { required: true, content: { 'audio/*': { schema: file }, 'application/octet-stream': { schema: file } } },
    },
    responses: {
      200: json(z.union([recognisedSchema, failedSchema]), 'What was said; or, with a status other than 0, why not'),
      429: TOO_MANY,
      503: text('With LONGHAND_KALDI_STATUS_9: no slot is free'),
      ...AT_THE_DOOR,
    },
  });
}
