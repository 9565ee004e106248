/** What the REST API takes and gives: the schemas validate, and the OpenAPI document is made from them. */
import { extendZodWithOpenApi } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { CHANNEL_MODES, PRIORITIES, TRANSCRIPT_FORMATS } from '../../workflows/contract.ts';
import { choiceShape } from '../protocol.ts';

extendZodWithOpenApi(z);

export const uploadParameters = z.strictObject({
  ...choiceShape,
  filename: z.string().max(255).optional().describe('shown in lists; never used as a path'),
  channels: z
    .enum(CHANNEL_MODES, `one of ${CHANNEL_MODES.join(', ')}`)
    .default('mixed')
    .describe('separate: each channel (at most 8) is transcribed for itself, and segments say their channel'),
});

const MAX_PAGE = 200;

/** Of any list. */
export const listParameters = z.strictObject({
  limit: z
    .string()
    .regex(/^\d{1,3}$/, `1 to ${MAX_PAGE}`)
    .transform(Number)
    .refine((limit) => limit >= 1 && limit <= MAX_PAGE, `1 to ${MAX_PAGE}`)
    .default(50),
  cursor: z
    .string()
    .max(2048)
    .regex(/^[\w-]+$/, 'a cursor that a page of this list gave')
    .optional(),
});

/** Version 1 is the transcript that the session was first given. */
export const VERSION_PATTERN = /^[1-9]\d{0,5}$/;

export const transcriptParameters = z.strictObject({
  format: z
    .enum(TRANSCRIPT_FORMATS, `one of ${TRANSCRIPT_FORMATS.join(', ')}`)
    .optional()
    .describe('json where neither this nor `Accept` says another; verbose_json is had by this alone'),
  version: z
    .string()
    .regex(VERSION_PATTERN, 'a version of the list of transcripts, from 1')
    .transform(Number)
    .optional()
    .describe('which transcript of the session; otherwise the newest that is completed'),
});

export const retranscriptionBody = z.strictObject({
  model: z.string().describe('a model that is served here'),
  language: choiceShape.language,
  priority: choiceShape.priority,
});

export const versionSchema = z
  .object({
    version: z.int().describe('from 1, the transcript that the session was first given'),
    model: z.string(),
    language: z.string(),
    state: z.string().describe('as that of a session'),
    createdAt: z.iso.datetime().nullable(),
  })
  .openapi('Version');

export const versionListSchema = z.object({ transcripts: z.array(versionSchema) }).openapi('VersionList');

const lease = z.object({
  leaseId: z.string(),
  epoch: z.int().describe('fencing number: what arrives with an older one is refused'),
  workerId: z.string(),
});

export const sessionSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['live', 'file']),
    state: z.enum([
      'preparing',
      'queued',
      'streaming',
      'idle',
      'closing',
      'completed',
      'stopped',
      'cancelled',
      'failed',
    ]),
    model: z.string(),
    language: z.string(),
    priority: z.enum(PRIORITIES),
    labels: z.array(z.string()).describe('each key:value, as given at the start'),
    attached: z.boolean().describe('a client is connected'),
    lease: lease.nullable().describe('the worker that serves the session'),
    epoch: z.int(),
    segments: z.int().describe('segments committed'),
    transcribedMs: z.number().describe('milliseconds of audio that committed segments account for'),
    audioMs: z.number().nullable().describe('length of the audio in milliseconds; null while it may grow'),
    progress: z.number().nullable().describe('0 to 1; null while the length is unknown'),
    estimatedRemainingMs: z
      .number()
      .nullable()
      .describe('of a file: how long it will take at the pace it has had so far; null while that is unknown'),
    estimatedEndAt: z.iso.datetime().nullable().describe('the same as a time'),
    spans: z.object({ done: z.int(), total: z.int() }).nullable().describe('stretches a file is cut into'),
    channels: z.int().describe('channels that are transcribed apart'),
    error: z.object({ code: z.string(), detail: z.string().nullable() }).nullable(),
  })
  .openapi('Session');

export const workerListSchema = z
  .object({
    workers: z.array(
      z.object({
        id: z.string(),
        model: z.string(),
        pid: z.int(),
        host: z.string(),
        slots: z.int().describe('sessions it serves at a time'),
        draining: z.boolean().describe('takes no new session, and hands over those it has'),
        sessions: z.array(z.string()).describe('ids of the sessions it serves; a span of a file as id/span/n'),
        startedAt: z.iso.datetime(),
      }),
    ),
  })
  .openapi('WorkerList');

export const wordSchema = z.object({
  text: z.string(),
  startMs: z.number(),
  endMs: z.number(),
  confidence: z.number().optional().describe('0 to 1; absent where the model gives none'),
});

const segmentSchema = z
  .object({
    index: z.int(),
    startMs: z.number(),
    endMs: z.number(),
    text: z.string(),
    words: z.array(wordSchema),
    timing: z.enum(['model', 'estimated']).describe('whether word times come from the model or are estimated'),
    channel: z.int(),
    startByte: z.int().describe('the stretch of the audio log (16 kHz mono s16le) that the segment accounts for'),
    endByte: z.int(),
    revision: z
      .int()
      .optional()
      .describe('1: a stretch that was transcribed again, alone, at the end; absent or 0: as first heard'),
  })
  .openapi('Segment');

export const transcriptSchema = z
  .object({
    id: z.string(),
    tenant: z.string(),
    model: z.string(),
    language: z.string(),
    state: z.string(),
    audioMs: z.number(),
    channels: z.int().optional().describe('channels that were transcribed apart; absent: one'),
    version: z.int().optional().describe('absent: 1, as the session was first transcribed'),
    text: z.string(),
    segments: z.array(segmentSchema).describe('in the order of their audio; an `index` is that of the commit'),
    holes: z
      .array(z.object({ startMs: z.number(), endMs: z.number(), channel: z.int().optional() }))
      .optional()
      .describe('stretches of audio of which no recogniser could make text; absent while the session goes on'),
  })
  .openapi('Transcript');

const notGiven = z.null().describe('a figure of Whisper’s decoder, which the models here do not have');

export const verboseTranscriptSchema = z
  .object({
    task: z.literal('transcribe'),
    language: z.string(),
    duration: z.number().describe('seconds of audio'),
    text: z.string(),
    segments: z.array(
      z.object({
        id: z.int().describe('place in the transcript, from 0'),
        seek: notGiven,
        start: z.number().describe('seconds'),
        end: z.number().describe('seconds'),
        text: z.string(),
        tokens: notGiven,
        temperature: notGiven,
        avg_logprob: notGiven,
        compression_ratio: notGiven,
        no_speech_prob: notGiven,
        channel: z.int().describe('ours'),
        timing: z.enum(['model', 'estimated']).describe('ours: where the words’ times are from'),
      }),
    ),
    words: z.array(z.object({ word: z.string(), start: z.number(), end: z.number(), channel: z.int() })),
  })
  .openapi('VerboseTranscript', {
    example: {
      task: 'transcribe',
      language: 'en',
      duration: 11,
      text: 'Ask not.',
      segments: [
        {
          ...{ id: 0, seek: null, start: 0.3, end: 1.1, text: 'Ask not.', tokens: null, temperature: null },
          ...{ avg_logprob: null, compression_ratio: null, no_speech_prob: null, channel: 0, timing: 'estimated' },
        },
      ],
      words: [
        { word: 'Ask', start: 0.3, end: 0.6, channel: 0 },
        { word: 'not.', start: 0.6, end: 1.1, channel: 0 },
      ],
    },
  });

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string(),
    code: z.string().describe('a row of the table of failures'),
    retryable: z.boolean(),
  })
  .openapi('Problem');
