/** The pools' operations. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { calendarSchema, limitsSchema, overrideSchema, poolListSchema, poolSchema } from '../pool-schemas.ts';
import { ALWAYS, BAD_PARAMETERS, json, problems, withId } from './parts.ts';

type Body = typeof overrideSchema | typeof limitsSchema | typeof calendarSchema;
type Method = 'get' | 'put' | 'post' | 'delete';

export function describePools(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/pools',
    tags: ['pools'],
    summary: 'Pools that are scaled: how many workers each one has, and why',
    responses: { 200: json(poolListSchema, 'The pools'), ...problems(...ALWAYS) },
  });
  const one = (method: Method, path: string, summary: string, body?: Body) =>
    registry.registerPath({
      method,
      path: `/v1/pools/{id}${path}`,
      tags: ['pools'],
      summary,
      request: {
        params: withId,
        ...(body && { body: { required: true, content: { 'application/json': { schema: body } } } }),
      },
      responses: {
        200: json(poolSchema, 'The pool'),
        ...problems('not_found', ...(body ? BAD_PARAMETERS : []), ...ALWAYS),
      },
    });
  one('get', '', 'One pool, with the last decisions of its scaler');
  one('put', '/override', "An operator's number of workers until a time, instead of the scaler's", overrideSchema);
  one('delete', '/override', 'The rules decide again');
  one('put', '/limits', "An operator's bounds instead of the policy's", limitsSchema);
  one('delete', '/limits', "The policy's bounds hold again");
  one('put', '/calendar', "An operator's calendar instead of the policy's", calendarSchema);
  one('delete', '/calendar', "The policy's calendar holds again");
  one('post', '/pause', 'Leave the pool as it is, until resumed');
  one('post', '/resume', 'Scale again');
}
