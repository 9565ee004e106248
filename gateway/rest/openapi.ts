/** The OpenAPI 3.1 document, made from the schemas that validate. */
import { OpenApiGeneratorV31, OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { FAILURES } from '../failures.ts';
import type { FailureType } from '../failures.ts';
import {
  listParameters,
  problemSchema,
  sessionListSchema,
  sessionSchema,
  transcriptParameters,
  transcriptSchema,
  uploadParameters,
  workerListSchema,
} from './schemas.ts';

const sessionId = z.object({ id: z.string() });

const json = (schema: z.ZodType, description: string) => ({ description, content: { 'application/json': { schema } } });

/** Answers that tell a failure, by HTTP status, with the codes each may carry. */
function problems(...types: FailureType[]) {
  const byStatus = Map.groupBy(types, (type) => FAILURES[type].httpStatus);
  const entries = [...byStatus].map(([status, codes]) => [
    status,
    { description: `code: ${codes.join(', ')}`, content: { 'application/problem+json': { schema: problemSchema } } },
  ]);
  return Object.fromEntries(entries) as Record<number, { description: string }>;
}

const ALWAYS = ['temporal_unavailable', 'shutting_down', 'internal'] as const;
const BAD_PARAMETERS = ['unknown_parameter', 'invalid_parameter'] as const;

function registerSessions(registry: OpenAPIRegistry): void {
  const file = z.string().openapi({ type: 'string', format: 'binary' });
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions',
    summary: 'Transcribe a file: any format ffmpeg reads, as a raw body or as the part `file` of a form',
    request: {
      query: uploadParameters,
      body: {
        required: true,
        content: {
          'application/octet-stream': { schema: file },
          'audio/*': { schema: file },
          'multipart/form-data': { schema: z.object({ file, ...uploadParameters.shape }) },
        },
      },
    },
    responses: {
      202: json(sessionSchema, 'The file is stored, and is being transcribed'),
      ...problems(
        ...BAD_PARAMETERS,
        'unknown_model',
        'unknown_language',
        'empty_audio',
        'invalid_upload',
        'incomplete_upload',
        'storage_unavailable',
        'storage_full',
        'session_exists',
        'upload_too_large',
        'too_long',
        'unsupported_audio',
        'storage_unavailable',
        ...ALWAYS,
      ),
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions',
    summary: 'Sessions: those that run, then those that have ended, newest first',
    request: { query: listParameters },
    responses: { 200: json(sessionListSchema, 'A page of sessions'), ...problems(...BAD_PARAMETERS, ...ALWAYS) },
  });
}

function registerSession(registry: OpenAPIRegistry): void {
  const failures = problems('not_found', ...ALWAYS);
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}',
    summary: 'One session: state, lease with worker and epoch, progress',
    request: { params: sessionId },
    responses: { 200: json(sessionSchema, 'The session'), ...failures },
  });
  registry.registerPath({
    method: 'delete',
    path: '/v1/sessions/{id}',
    summary: 'Cancel a session: what is committed so far stays',
    request: { params: sessionId },
    responses: { 202: json(sessionSchema, 'The session is being cancelled'), ...failures },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}/transcript',
    summary: 'The transcript; of a live session that goes on, up to its last final',
    request: { params: sessionId, query: transcriptParameters },
    responses: {
      200: {
        description: 'The transcript',
        content: {
          'application/json': { schema: transcriptSchema },
          'text/plain': { schema: z.string() },
          'application/x-subrip': { schema: z.string() },
          'text/vtt': { schema: z.string() },
        },
      },
      ...problems(
        ...BAD_PARAMETERS,
        'not_found',
        'not_finished',
        'unsupported_audio',
        'empty_audio',
        'session_failed',
        'storage_unavailable',
        'storage_corruption',
        ...ALWAYS,
      ),
    },
  });
}

function registerMoves(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions/{id}/handover',
    summary: 'Move a session to another worker at the next segment boundary; its client does not notice',
    request: { params: sessionId },
    responses: {
      202: json(sessionSchema, 'The session as it was when asked; a new epoch shows that it has moved'),
      ...problems('not_found', 'not_streaming', ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/workers/{id}/drain',
    summary: 'Take no new session on a worker, and hand over those it has: it is empty within seconds',
    request: { params: sessionId },
    responses: {
      202: json(z.object({ id: z.string(), draining: z.literal(true) }), 'The worker is draining'),
      ...problems('not_found', ...ALWAYS),
    },
  });
}

function registerOthers(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/workers',
    summary: 'Workers that are there, and the sessions each one serves',
    responses: { 200: json(workerListSchema, 'The workers'), ...problems(...ALWAYS) },
  });
  const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } });
  registry.registerPath({
    method: 'get',
    path: '/livez',
    summary: 'The process runs',
    responses: { 200: text('It does') },
  });
  registry.registerPath({
    method: 'get',
    path: '/readyz',
    summary: 'It can do its work: Temporal is reached, storage is written to, it is not ending',
    responses: { 200: text('It can'), 503: text('It cannot: a line for each check') },
  });
}

let made: object | null = null;

export function openApiDocument(): object {
  made ??= makeDocument();
  return made;
}

function makeDocument(): object {
  const registry = new OpenAPIRegistry();
  registerSessions(registry);
  registerSession(registry);
  registerMoves(registry);
  registerOthers(registry);
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Longhand',
      version: '0.1.0',
      description:
        'Durable speech-to-text. The live WebSocket protocol is described in docs/protocol.md and docs/asyncapi.yaml.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  });
}
