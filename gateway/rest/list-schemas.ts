/** What a list of sessions is asked by, and what it gives. */
import { z } from 'zod';
import { labelsSchema } from '../labels.ts';
import { listParameters, sessionSchema } from './schemas.ts';

const states = sessionSchema.shape.state.options;
const time = z.iso
  .datetime({ offset: true, error: 'a time as 2026-01-31T08:00:00Z' })
  .transform((given) => new Date(given).toISOString());

export const sessionListParameters = z.strictObject({
  state: z.enum(states, `one of ${states.join(', ')}`).optional(),
  model: z
    .string()
    .max(128)
    .regex(/^[^'"`\\\p{C}]+$/u, 'the name of a model')
    .optional(),
  kind: z.enum(['live', 'file'], 'one of live, file').optional(),
  startedAfter: time.optional(),
  startedBefore: time.optional(),
  label: labelsSchema.optional().describe('key:value; sessions that carry it. Given again: that carry all of them'),
  ...listParameters.shape,
});

export const sessionListSchema = z
  .object({
    sessions: z.array(
      z.object({
        id: z.string(),
        kind: z.string(),
        state: z.string(),
        model: z.string(),
        labels: z.array(z.string()),
        worker: z.string().nullable(),
        startedAt: z.iso.datetime(),
        endedAt: z.iso.datetime().nullable(),
      }),
    ),
    nextCursor: z.string().nullable().describe('give it as `cursor` for the next page; null on the last'),
  })
  .openapi('SessionList', {
    example: {
      sessions: [
        {
          ...{ id: 'call-17', kind: 'live', state: 'streaming', model: 'en', labels: ['desk:north'] },
          ...{ worker: 'w-4711', startedAt: '2026-01-31T08:00:00.000Z', endedAt: null },
        },
      ],
      nextCursor: null,
    },
  });
