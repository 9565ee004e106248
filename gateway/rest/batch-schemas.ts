/** What `/v1/batches` takes and gives. */
import { z } from 'zod';
import { CHANNEL_MODES, PRIORITIES } from '../../workflows/contract.ts';
import { MAX_URL_LENGTH, choiceShape, nameSchema } from '../protocol.ts';

const choice = {
  model: z.string().optional(),
  language: z.string().optional(),
  priority: z.enum(PRIORITIES).optional(),
  channels: z
    .enum(CHANNEL_MODES, `one of ${CHANNEL_MODES.join(', ')}`)
    .optional()
    .describe('as for one session'),
  label: choiceShape.label.describe('each key:value; an item has those of `defaults` besides its own'),
  webhook: z.string().max(MAX_URL_LENGTH).optional().describe('where the end of each session is told'),
};

const item = z
  .strictObject({
    url: z.string().max(MAX_URL_LENGTH).optional().describe('the file is fetched from there'),
    uploadId: z.string().optional().describe('the file is an upload of /v1/uploads that is whole'),
    id: nameSchema.optional().describe('id of its session; one that follows from the batch if none is given'),
    filename: z.string().max(255).optional(),
    ...choice,
  })
  .refine(({ url, uploadId }) => (url === undefined) !== (uploadId === undefined), 'either `url` or `uploadId`');

export const batchBody = z.strictObject({
  name: z.string().max(255).optional().describe('shown in lists'),
  defaults: z.strictObject(choice).optional().describe('for items that say nothing else'),
  items: z.array(item).min(1),
});
export type BatchBody = z.output<typeof batchBody>;

const counts = z.object({
  waiting: z.int(),
  running: z.int(),
  completed: z.int(),
  failed: z.int(),
  cancelled: z.int(),
});

export const batchSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    state: z.enum(['running', 'completed', 'cancelled']).describe('completed: every item has ended, well or not'),
    total: z.int(),
    counts,
    progress: z.number().describe('0 to 1: the share of the items that have ended'),
    startedAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    estimatedEndAt: z.iso.datetime().nullable().describe('at the pace so far; null until the first item has ended'),
  })
  .openapi('Batch');

const itemSchema = z.object({
  index: z.int(),
  session: z.string(),
  filename: z.string(),
  state: z.enum(['waiting', 'running', 'completed', 'failed', 'cancelled']),
  audioMs: z.number(),
  error: z.object({ code: z.string(), detail: z.string().nullable() }).nullable(),
});

export const batchPageSchema = z
  .object({
    ...batchSchema.shape,
    items: z.array(itemSchema),
    nextCursor: z.string().nullable().describe('give it as `cursor` for the next items; null on the last page'),
  })
  .openapi('BatchPage');

export const batchListSchema = z
  .object({
    batches: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        state: z.string(),
        items: z.int(),
        startedAt: z.iso.datetime(),
        endedAt: z.iso.datetime().nullable(),
      }),
    ),
    nextCursor: z.string().nullable(),
  })
  .openapi('BatchList');
