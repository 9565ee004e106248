/** What operations of every area are described with. */
import { z } from 'zod';
import { FAILURES } from '../../failures.ts';
import type { FailureType } from '../../failures.ts';
import { problemSchema } from '../schemas.ts';

/** Failures that any operation below /v1 may answer with. An address that cannot be decoded is an invalid parameter. */
export const ALWAYS = [
  'invalid_parameter',
  'foreign_origin',
  'unknown_host',
  'rate_limit',
  'temporal_unavailable',
  'shutting_down',
  'internal',
] as const;
export const BAD_PARAMETERS = ['unknown_parameter', 'invalid_parameter'] as const;

/** The path parameter `id`. */
export const withId = z.object({ id: z.string() });

export const idempotencyHeader = z.object({
  'Idempotency-Key': z
    .string()
    .max(257)
    .optional()
    .describe('the same key with the same request makes nothing new; with another request it is refused by 422'),
});

export const json = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** Answers to what deletes. */
export const erasure = {
  202: json(z.object({ id: z.string(), erasing: z.literal(true) }), 'It is being deleted, whatever happens'),
  204: { description: 'Nothing of it is left' },
};

export const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } });

/** Answers that tell a failure, by HTTP status, with the codes each may carry. */
export function problems(...types: FailureType[]) {
  const byStatus = Map.groupBy(new Set(types), (type) => FAILURES[type].httpStatus);
  const entries = [...byStatus].map(([status, codes]) => [
    status,
    { description: `code: ${codes.join(', ')}`, content: { 'application/problem+json': { schema: problemSchema } } },
  ]);
  return Object.fromEntries(entries) as Record<number, { description: string }>;
}

/** Before a request comes to a drop-in front: told as anywhere else. */
export const AT_THE_DOOR = problems('foreign_origin', 'unknown_host');

/** Answers in which a drop-in front tells its failures. */
export function inOwnWords(schema: z.ZodType, description: string, statuses: readonly number[]) {
  const entries = [...new Set(statuses)].sort().map((status) => [status, json(schema, `A failure, ${description}`)]);
  return Object.fromEntries(entries) as Record<number, { description: string }>;
}
