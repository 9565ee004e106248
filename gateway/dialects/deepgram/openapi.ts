/** Deepgram's HTTP addresses in the OpenAPI document. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { Failure } from '../../failures.ts';
import type { FailureType } from '../../failures.ts';
import { MAX_URL_LENGTH } from '../../protocol.ts';
import { AT_THE_DOOR, inOwnWords, json } from '../../rest/openapi/parts.ts';
import { statusOf } from './errors.ts';
import { parametersAt } from './parameters.ts';

const requestId = z.string().describe('the session: GET /v1/sessions/{id}');

const errorSchema = z
  .union([
    z.object({ err_code: z.string(), err_msg: z.string(), request_id: requestId }),
    z.object({ category: z.string(), message: z.string(), details: z.string(), request_id: requestId }),
  ])
  .openapi('DeepgramError');

const confidence = z.number().nullable().describe('null where the model gives none');
const alternative = {
  transcript: z.string(),
  confidence,
  words: z.array(
    z.object({
      word: z.string(),
      start: z.number().describe('seconds'),
      end: z.number().describe('seconds'),
      confidence,
      punctuated_word: z.string().optional(),
    }),
  ),
};

const paragraphs = z.object({
  transcript: z.string(),
  paragraphs: z.array(
    z.object({
      sentences: z.array(z.object({ text: z.string(), start: z.number(), end: z.number() })),
      num_words: z.int(),
      start: z.number(),
      end: z.number(),
    }),
  ),
});

const listenSchema = z
  .object({
    metadata: z.object({
      transaction_key: z.literal('deprecated'),
      request_id: requestId,
      sha256: z.string().nullable().describe('of the audio as it was sent; null where it was fetched'),
      created: z.iso.datetime(),
      duration: z.number().describe('seconds'),
      channels: z.int(),
      models: z.array(z.string()),
      model_info: z.record(z.string(), z.object({ name: z.string(), version: z.string(), arch: z.string() })),
      tags: z.array(z.string()).optional(),
      extra: z.record(z.string(), z.string()).optional(),
      warnings: z
        .array(z.object({ parameter: z.string(), type: z.string(), message: z.string() }))
        .optional()
        .describe('what was asked for and is not, or not so, done'),
    }),
    results: z.object({
      channels: z.array(
        z.object({ alternatives: z.array(z.object({ ...alternative, paragraphs: paragraphs.optional() })) }),
      ),
      utterances: z
        .array(z.object({ id: z.string(), start: z.number(), end: z.number(), channel: z.int(), ...alternative }))
        .optional(),
    }),
  })
  .openapi('DeepgramTranscript');

const acceptedSchema = z.object({ request_id: requestId }).openapi('DeepgramAccepted');

const FAILED: readonly FailureType[] = [
  ...(['unknown_parameter', 'invalid_parameter', 'unknown_model', 'unknown_language', 'invalid_message'] as const),
  ...(['invalid_upload', 'incomplete_upload', 'empty_audio', 'unsupported_audio', 'fetch_failed'] as const),
  ...(['forbidden_address', 'session_exists', 'superseded', 'upload_too_large', 'too_long', 'queue_full'] as const),
  ...(['session_failed', 'storage_corruption', 'internal', 'temporal_unavailable'] as const),
  ...(['storage_unavailable', 'storage_full', 'shutting_down', 'rate_limit'] as const),
];
const failures = (types: readonly FailureType[], more: readonly number[] = []) =>
  inOwnWords(errorSchema, 'in Deepgram’s words', [...types.map((type) => statusOf(new Failure(type, ''))), ...more]);

export function describeDeepgram(registry: OpenAPIRegistry): void {
  const tags = ['deepgram'];
  const file = z.string().openapi({ type: 'string', format: 'binary' });
  registry.registerPath({
    method: 'post',
    path: '/v1/listen',
    tags,
    summary: 'Transcribe a file as Deepgram does, and wait for the transcript',
    description:
      'What becomes of each parameter, and the WebSocket of the same address: docs/dialects/deepgram.md. Parameters that are refused are not named here.',
    request: {
      query: z.object(Object.fromEntries(parametersAt('file').map((row) => [row.name, queryOf(row)]))),
      body: {
        required: true,
        content: {
          'application/octet-stream': { schema: file },
          'audio/*': { schema: file },
          'application/json': { schema: z.object({ url: z.string().max(MAX_URL_LENGTH) }) },
        },
      },
    },
    responses: {
      200: json(z.union([listenSchema, acceptedSchema]), 'The transcript; with `callback`: it will be sent there'),
      ...failures(FAILED, [504]),
      ...AT_THE_DOOR,
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/status',
    tags,
    summary: 'How this gateway is, in the words of Deepgram’s self-hosted engine',
    responses: {
      200: json(
        z.object({
          system_health: z.enum(['Healthy', 'Degraded', 'Critical']),
          active_batch_requests: z.int(),
          active_stream_requests: z.int(),
        }),
        'What it does at present',
      ),
      ...failures(['internal', 'rate_limit']),
      ...AT_THE_DOOR,
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/auth/grant',
    tags,
    summary: 'No tokens are given here: whatever credential a client has is taken',
    responses: { ...failures(['rate_limit'], [501]), ...AT_THE_DOOR },
  });
}

type Described = ReturnType<typeof parametersAt>[number];

function queryOf({ kind, handling, says, repeatable }: Described): z.ZodType {
  const value = kind === 'boolean' ? z.enum(['true', 'false']) : typeof kind === 'string' ? z.string() : z.enum(kind);
  return (repeatable ? z.array(value) : value).optional().describe(`${handling}: ${says}`);
}
