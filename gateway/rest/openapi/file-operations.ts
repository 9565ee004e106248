/** What may be done with files, and with stored audio: stop, restart, cancel, transcribe again. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { retranscriptionBody, sessionSchema, versionListSchema, versionSchema } from '../schemas.ts';
import { ALWAYS, BAD_PARAMETERS, json, problems, withId } from './parts.ts';

export function describeFileOperations(registry: OpenAPIRegistry): void {
  describeStops(registry);
  describeVersions(registry);
}

function describeStops(registry: OpenAPIRegistry): void {
  const stops = [
    ['stop', 'Stop a file: what is done is kept, with a transcript of it, and it can be restarted', true],
    [
      'restart',
      'Let a file that was stopped or cancelled, or that failed, go on: only what is unfinished is done',
      true,
    ],
    ['cancel', 'Cancel a session: what is committed so far stays', false],
  ] as const;
  for (const [what, summary, mayBeRefused] of stops) {
    registry.registerPath({
      method: 'post',
      path: `/v1/sessions/{id}/${what}`,
      tags: ['sessions'],
      summary,
      request: { params: withId },
      responses: {
        202: json(sessionSchema, 'The session as it is now'),
        ...problems('not_found', ...(mayBeRefused ? (['wrong_state'] as const) : []), ...ALWAYS),
      },
    });
  }
}

function describeVersions(registry: OpenAPIRegistry): void {
  const storage = ['storage_unavailable', 'storage_corruption'] as const;
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions/{id}/transcripts',
    tags: ['sessions'],
    summary: 'Transcribe the stored audio of a session that has ended again, by any model; earlier transcripts stay',
    request: {
      params: withId,
      body: { required: true, content: { 'application/json': { schema: retranscriptionBody } } },
    },
    responses: {
      202: json(versionSchema, 'The version is being made; read it by `version` of the transcript'),
      ...problems(
        ...BAD_PARAMETERS,
        'unknown_model',
        'unknown_language',
        'incomplete_upload',
        'upload_too_large',
        'not_found',
        'wrong_state',
        ...storage,
        ...ALWAYS,
      ),
    },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/sessions/{id}/transcripts',
    tags: ['sessions'],
    summary: 'The transcripts of a session: the first one, and those made again',
    request: { params: withId },
    responses: {
      200: json(versionListSchema, 'All versions, the first one first'),
      ...problems('not_found', ...storage, ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/sessions/{id}/transcripts/{version}/cancel',
    tags: ['sessions'],
    summary: 'Cancel a transcript that is being made again; the others stay, and it is never the one that is read',
    request: { params: withId.extend({ version: z.string() }) },
    responses: {
      202: json(versionSchema, 'The version as it is now'),
      ...problems('not_found', 'wrong_state', ...ALWAYS),
    },
  });
}
