/** The REST API's addresses: what the OpenAPI document must describe, route for route. */
import type { Router } from 'express';
import type { EventStreams } from '../events/event-streams.ts';
import type { Gateway } from '../ports.ts';
import { batchRoutes } from './batches.ts';
import { eventRoutes } from './events.ts';
import { poolRoutes } from './pools.ts';
import { sessionRoutes } from './sessions.ts';
import { uploadRoutes } from './uploads.ts';
import { webhookRoutes } from './webhooks.ts';
import { workerRoutes } from './workers.ts';

type MakeRoutes = (gateway: Gateway, streams: EventStreams) => Router;

const AREAS: readonly (readonly [prefix: string, MakeRoutes])[] = [
  ['/v1/sessions', sessionRoutes],
  ['/v1/sessions', eventRoutes],
  ['/v1/batches', batchRoutes],
  ['/v1/uploads', uploadRoutes],
  ['/v1/webhooks', webhookRoutes],
  ['/v1/workers', workerRoutes],
  ['/v1/pools', poolRoutes],
];

export const apiPrefixes: readonly string[] = AREAS.map(([prefix]) => prefix);

/** Each area's routes below its prefix. */
export function apiRoutes(gateway: Gateway, streams: EventStreams): readonly (readonly [prefix: string, Router])[] {
  return AREAS.map(([prefix, routes]) => [prefix, routes(gateway, streams)]);
}
