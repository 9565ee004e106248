/** The operations that say whether a gateway works. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { text } from './parts.ts';

export function describeHealth(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/livez',
    tags: ['health'],
    summary: 'The process runs',
    responses: { 200: text('It does') },
  });
  registry.registerPath({
    method: 'get',
    path: '/readyz',
    tags: ['health'],
    summary: 'It can do its work: Temporal is reached, storage is written to, it is not ending',
    responses: { 200: text('It can'), 503: text('It cannot: a line for each check') },
  });
}
