/** The sessions' operations: post, list, look, cancel, move, read. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import {
  sessionSchema,
  transcriptParameters,
  transcriptSchema,
  uploadParameters,
  verboseTranscriptSchema,
} from '../schemas.ts';
import { sessionListParameters, sessionListSchema } from '../list-schemas.ts';
import { jsonSessionBody } from '../post-bodies.ts';
import { ALWAYS, BAD_PARAMETERS, erasure, idempotencyHeader, json, problems, withId } from './parts.ts';

export function describeSessions(registry: OpenAPIRegistry): void {
  describePost(registry);
  describeList(registry);
  describeOne(registry);
  describeTranscript(registry);
}

function describePost(registry: OpenAPIRegistry): void {
  const file = z.string().openapi({ type: 'string', format: 'binary' });
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions',
    tags: ['sessions'],
    summary:
      'Transcribe a file: any format ffmpeg reads, as a raw body, as the part `file` of a form, from an upload that came before, or from an address',
    request: {
      query: uploadParameters,
      headers: idempotencyHeader,
      body: {
        required: true,
        content: {
          'application/octet-stream': { schema: file },
          'audio/*': { schema: file },
          'multipart/form-data': { schema: z.object({ file, ...uploadParameters.shape }) },
          'application/json': { schema: jsonSessionBody },
        },
      },
    },
    responses: {
      202: json(sessionSchema, 'The file is stored, and is being transcribed'),
      ...problems(
        ...BAD_PARAMETERS,
        'unknown_model',
        'unknown_language',
        'forbidden_address',
        'fetch_failed',
        'empty_audio',
        'invalid_upload',
        'incomplete_upload',
        'storage_unavailable',
        'storage_full',
        'session_exists',
        'session_failed',
        'idempotency_mismatch',
        'not_found',
        'upload_incomplete',
        'upload_used',
        'upload_too_large',
        'too_long',
        'unsupported_audio',
        ...ALWAYS,
      ),
    },
  });
}

const LINK = {
  Link: { description: 'The next page, as `rel="next"`; not there on the last', schema: { type: 'string' as const } },
};

function describeList(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions',
    tags: ['sessions'],
    summary: 'Sessions: those that run, then those that have ended, newest first',
    request: { query: sessionListParameters },
    responses: {
      200: { ...json(sessionListSchema, 'A page of sessions'), headers: LINK },
      ...problems(...BAD_PARAMETERS, ...ALWAYS),
    },
  });
}

function describeOne(registry: OpenAPIRegistry): void {
  const failures = problems('not_found', ...ALWAYS);
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}',
    tags: ['sessions'],
    summary: 'One session: state, lease with worker and epoch, progress',
    request: { params: withId },
    responses: { 200: json(sessionSchema, 'The session'), ...failures },
  });
  registry.registerPath({
    method: 'delete',
    path: '/v1/sessions/{id}',
    tags: ['sessions'],
    summary: 'Delete a session, running or ended: audio, transcripts, histories, everything',
    request: { params: withId },
    responses: {
      ...erasure,
      ...problems('not_found', 'storage_unavailable', ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions/{id}/handover',
    tags: ['sessions'],
    summary: 'Move a session to another worker at the next segment boundary; its client does not notice',
    request: { params: withId },
    responses: {
      202: json(sessionSchema, 'The session as it was when asked; a new epoch shows that it has moved'),
      ...problems('not_found', 'not_streaming', ...ALWAYS),
    },
  });
}

function describeTranscript(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}/transcript',
    tags: ['results'],
    summary: 'The transcript; of a live session that goes on, up to its last final',
    request: { params: withId, query: transcriptParameters },
    responses: {
      200: {
        description: 'The transcript',
        content: {
          'application/json': { schema: z.union([transcriptSchema, verboseTranscriptSchema]) },
          'text/plain': { schema: z.string() },
          'application/x-subrip': { schema: z.string() },
          'text/vtt': { schema: z.string() },
          'text/tab-separated-values': { schema: z.string() },
        },
      },
      ...problems(
        ...BAD_PARAMETERS,
        'not_found',
        'not_acceptable',
        'not_finished',
        'unsupported_audio',
        'empty_audio',
        'session_failed',
        'fetch_failed',
        'forbidden_address',
        'upload_too_large',
        'storage_unavailable',
        'storage_corruption',
        ...ALWAYS,
      ),
    },
  });
}
