/** What the events of a session carry. */
import { z } from 'zod';
import { sessionSchema, wordSchema } from './schemas.ts';

export const eventParameters = z.strictObject({
  lastEventId: z
    .string()
    .max(32)
    .optional()
    .describe('go on behind this event; for clients that cannot send the header Last-Event-ID, which goes before'),
});

export const finalEventSchema = z
  .object({
    type: z.literal('final'),
    index: z.int(),
    startMs: z.number(),
    endMs: z.number(),
    text: z.string(),
    words: z.array(wordSchema),
    timing: z.enum(['model', 'estimated']),
    channel: z.int(),
    revision: z.int(),
    audioStartMs: z.number(),
    audioEndMs: z.number(),
  })
  .openapi('FinalEvent', { description: 'Event `final`: a segment. Each comes once, in order of its index' });

export const queuedEventSchema = z
  .object({
    position: z.int().nullable().describe('from 1'),
    estimatedWaitMs: z.number().nullable(),
    estimated: z.literal(true),
  })
  .openapi('QueuedEvent', { description: 'Event `queued`: the session waits for a worker. It has no id' });

export const doneEventSchema = z
  .object({
    state: sessionSchema.shape.state,
    segments: z.int(),
    audioMs: z.number(),
    error: z.object({ code: z.string(), detail: z.string().nullable() }).nullable(),
  })
  .openapi('DoneEvent', { description: 'Event `done`: no more comes' });
