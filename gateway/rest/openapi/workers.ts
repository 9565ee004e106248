/** The workers' operations. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { workerListSchema } from '../schemas.ts';
import { ALWAYS, json, problems, withId } from './parts.ts';

export function describeWorkers(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/workers',
    tags: ['workers'],
    summary: 'Workers that are there, and the sessions each one serves',
    responses: { 200: json(workerListSchema, 'The workers'), ...problems(...ALWAYS) },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/workers/{id}/drain',
    tags: ['workers'],
    summary: 'Take no new session on a worker, and hand over those it has: it is empty within seconds',
    request: { params: withId },
    responses: {
      202: json(z.object({ id: z.string(), draining: z.literal(true) }), 'The worker is draining'),
      ...problems('not_found', ...ALWAYS),
    },
  });
}
