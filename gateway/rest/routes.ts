/** The REST API's addresses: what the OpenAPI document must describe, route for route. */
import type { Router } from 'express';
import type { Gateway } from '../ports.ts';
import { sessionRoutes } from './sessions.ts';
import { workerRoutes } from './workers.ts';

const AREAS: Readonly<Record<string, (gateway: Gateway) => Router>> = {
  '/v1/sessions': sessionRoutes,
  '/v1/workers': workerRoutes,
};

export const apiPrefixes: readonly string[] = Object.keys(AREAS);

/** Each area's routes below its prefix. */
export function apiRoutes(gateway: Gateway): readonly (readonly [prefix: string, Router])[] {
  return Object.entries(AREAS).map(([prefix, routes]) => [prefix, routes(gateway)]);
}
