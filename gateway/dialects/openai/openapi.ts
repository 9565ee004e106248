/** OpenAI's HTTP addresses in the OpenAPI document. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { Failure } from '../../failures.ts';
import type { FailureType } from '../../failures.ts';
import { nameSchema } from '../../protocol.ts';
import { AT_THE_DOOR, inOwnWords, json, withId } from '../../rest/openapi/parts.ts';
import { GRANULARITIES, RESPONSE_FORMATS } from './parameters.ts';
import { openAiError } from './refusal.ts';

const errorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('OpenAiError');

const common = {
  text: z.string(),
  usage: z.object({ type: z.literal('duration'), seconds: z.int() }),
  holes: z
    .array(z.object({ start: z.number(), end: z.number() }))
    .optional()
    .describe('stretches of audio without text, in seconds: ours'),
};

const verboseSchema = z
  .object({
    ...common,
    task: z.literal('transcribe'),
    language: z.string().describe('its English name'),
    duration: z.number().describe('seconds'),
    segments: z
      .array(
        z.object({
          id: z.int(),
          seek: z.int(),
          start: z.number().describe('seconds'),
          end: z.number().describe('seconds'),
          text: z.string(),
          tokens: z.array(z.int()),
          temperature: z.number(),
          avg_logprob: z.number(),
          compression_ratio: z.number(),
          no_speech_prob: z.number(),
        }),
      )
      .optional(),
    words: z.array(z.object({ word: z.string(), start: z.number(), end: z.number() })).optional(),
  })
  .openapi('OpenAiVerboseTranscription');

const transcriptionSchema = z.object(common).openapi('OpenAiTranscription');

const modelSchema = z
  .object({
    id: z.string().describe('a model that is served here, or an alias of one'),
    object: z.literal('model'),
    created: z.int(),
    owned_by: z.literal('longhand'),
  })
  .openapi('OpenAiModel');

const form = z.object({
  file: z.string().openapi({ type: 'string', format: 'binary' }),
  model: z.string().optional().describe('the default one otherwise'),
  language: z.string().optional(),
  response_format: z.enum(RESPONSE_FORMATS).default('json'),
  'timestamp_granularities[]': z.array(z.enum(GRANULARITIES)).optional().describe('of verbose_json'),
  stream: z.enum(['true', 'false']).default('false').describe('text as it comes, as server-sent events'),
  prompt: z.string().optional().describe('no model takes hints: named in X-Longhand-Ignored'),
  temperature: z.string().optional().describe('no model makes random choices: named in X-Longhand-Ignored'),
});

const statusOf = (type: FailureType): number => openAiError(new Failure(type, '')).status;
const failures = (types: readonly FailureType[], more: readonly number[] = []) =>
  inOwnWords(errorSchema, 'in OpenAI’s words', [...types.map(statusOf), ...more]);

const FAILED: readonly FailureType[] = [
  ...(['unknown_parameter', 'invalid_parameter', 'unknown_model', 'invalid_upload', 'incomplete_upload'] as const),
  ...(['empty_audio', 'unsupported_audio', 'session_exists', 'superseded', 'upload_too_large', 'too_long'] as const),
  ...(['session_failed', 'storage_corruption', 'internal', 'temporal_unavailable'] as const),
  ...(['storage_unavailable', 'storage_full', 'shutting_down', 'rate_limit'] as const),
];

export function describeOpenAi(registry: OpenAPIRegistry): void {
  describeTranscriptions(registry);
  describeModels(registry);
}

const tags = ['openai'];

function describeTranscriptions(registry: OpenAPIRegistry): void {
  const text = { schema: z.string() };
  registry.registerPath({
    method: 'post',
    path: '/v1/audio/transcriptions',
    tags,
    summary: 'Transcribe a file as OpenAI does, and wait for the transcript',
    description: 'What becomes of each field, and the Realtime WebSocket: docs/dialects/openai.md.',
    request: {
      headers: z.object({ 'X-Longhand-Session': nameSchema.optional().describe('names the session') }),
      body: { required: true, content: { 'multipart/form-data': { schema: form } } },
    },
    responses: {
      200: {
        description: 'The transcript, in the format that is asked for',
        content: {
          'application/json': { schema: z.union([verboseSchema, transcriptionSchema]) },
          'text/plain': text,
          'text/event-stream': text,
        },
      },
      ...failures(FAILED, [504]),
      ...AT_THE_DOOR,
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/audio/translations',
    tags,
    summary: 'Refused: models here write the language that is spoken',
    responses: { ...failures(['rate_limit'], [400]), ...AT_THE_DOOR },
  });
}

function describeModels(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/models',
    tags,
    summary: 'Models that are served here, and their aliases',
    responses: {
      200: json(z.object({ object: z.literal('list'), data: z.array(modelSchema) }), 'All of them'),
      ...failures(['internal', 'rate_limit']),
      ...AT_THE_DOOR,
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/models/{id}',
    tags,
    summary: 'One of them',
    request: { params: withId },
    responses: { 200: json(modelSchema, 'The model'), ...failures(['internal', 'rate_limit'], [404]), ...AT_THE_DOOR },
  });
}
