/** The batches' operations. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { batchListParameters, batchPageParameters } from '../batch-parameters.ts';
import { batchBody, batchListSchema, batchPageSchema, batchSchema } from '../batch-schemas.ts';
import { ALWAYS, BAD_PARAMETERS, erasure, idempotencyHeader, json, problems, withId } from './parts.ts';

const tags = ['batches'];

export function describeBatches(registry: OpenAPIRegistry): void {
  describePost(registry);
  describeShown(registry);
  describeEnds(registry);
}

function describePost(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'post',
    path: '/v1/batches',
    tags,
    summary: 'Transcribe many files, each in a session of its own, so many at a time',
    request: {
      headers: idempotencyHeader,
      body: { required: true, content: { 'application/json': { schema: batchBody } } },
    },
    responses: {
      202: json(batchSchema, 'The batch runs'),
      ...problems(
        ...BAD_PARAMETERS,
        'unknown_model',
        'unknown_language',
        'forbidden_address',
        'incomplete_upload',
        'not_found',
        'upload_incomplete',
        'upload_used',
        'upload_too_large',
        'idempotency_mismatch',
        'storage_unavailable',
        'storage_full',
        ...ALWAYS,
      ),
    },
  });
}

function describeShown(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/batches',
    tags,
    summary: 'Batches: those that run, then those that have ended, newest first',
    request: { query: batchListParameters },
    responses: { 200: json(batchListSchema, 'A page of batches'), ...problems(...BAD_PARAMETERS, ...ALWAYS) },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/batches/{id}',
    tags,
    summary: 'One batch: counts by state, progress, estimated end, and a page of its items',
    request: { params: withId, query: batchPageParameters },
    responses: { 200: json(batchPageSchema, 'The batch'), ...problems(...BAD_PARAMETERS, 'not_found', ...ALWAYS) },
  });
  registry.registerPath({
    method: 'get',
    path: '/v1/batches/{id}/results',
    tags,
    summary: 'A line of JSON for each item, in order: what became of it, and its transcript where there is one',
    request: { params: withId },
    responses: {
      200: {
        description: 'The results so far; `transcript` is null where there is none',
        content: { 'application/x-ndjson': { schema: z.string() } },
      },
      ...problems('not_found', 'storage_unavailable', 'storage_corruption', ...ALWAYS),
    },
  });
}

function describeEnds(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'delete',
    path: '/v1/batches/{id}',
    tags,
    summary: 'Delete a batch, running or ended, with everything of each of its sessions',
    request: { params: withId },
    responses: { ...erasure, ...problems('not_found', ...ALWAYS) },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/batches/{id}/cancel',
    tags,
    summary: 'Cancel a batch: nothing more is begun, what runs is cancelled, what has ended stays',
    request: { params: withId },
    responses: { 202: json(batchSchema, 'The batch as it was when asked'), ...problems('not_found', ...ALWAYS) },
  });
}
