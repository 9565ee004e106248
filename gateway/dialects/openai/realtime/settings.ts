/**
 * The settings of a transcription session, in the shape of today (`session.audio.input.…`) and in that of the beta
 * (`session.input_audio_…`): read, and said back as they are in effect.
 */
import { z } from 'zod';
import type { AudioFormat } from '../../../../workflows/contract.ts';
import { shown } from '../../../protocol.ts';
import { OpenAiRefusal } from '../refusal.ts';

export interface Settings {
  readonly format: 'audio/pcm' | 'audio/pcmu' | 'audio/pcma';
  /** As the client named it; null: none. */
  readonly model: string | null;
  readonly language: string | null;
  /** Turns end where the recogniser hears a pause; false: where the client commits. */
  readonly detectsTurns: boolean;
}

export const FIRST: Settings = { format: 'audio/pcm', model: null, language: null, detectsTurns: true };

/** Samples a second that each format has. */
const AUDIO: Readonly<Record<Settings['format'], AudioFormat>> = {
  'audio/pcm': { encoding: 's16le', sampleRate: 24_000, channels: 1 },
  'audio/pcmu': { encoding: 'mulaw', sampleRate: 8000, channels: 1 },
  'audio/pcma': { encoding: 'alaw', sampleRate: 8000, channels: 1 },
};
const BETA_FORMATS = { pcm16: 'audio/pcm', g711_ulaw: 'audio/pcmu', g711_alaw: 'audio/pcma' } as const;

export const audioFormat = ({ format }: Settings): AudioFormat => AUDIO[format];

const hint = z.unknown().optional();
const noLogProbabilities = z
  .array(z.string())
  .max(0, 'nothing can be included: no model that is served here gives log probabilities')
  .nullish();

const transcription = z
  .strictObject({
    model: z.string().max(256).nullish(),
    language: z.string().max(64).nullish(),
    languages: z.array(z.string()).max(1, 'one at most').nullish(),
    prompt: hint,
    keywords: hint,
    delay: hint,
  })
  .nullish();

const turnDetection = z
  .strictObject({
    type: z.literal('server_vad', 'server_vad, or turn_detection is null').optional(),
    threshold: z.number().min(0).max(1).nullish(),
    prefix_padding_ms: z.number().int().min(0).max(60_000).nullish(),
    silence_duration_ms: z.number().int().min(0).max(60_000).nullish(),
    idle_timeout_ms: hint,
    create_response: hint,
    interrupt_response: hint,
  })
  .nullish();

const RATE = 'audio/pcm has a rate of 24000';
const format = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('audio/pcm'), rate: z.literal(24_000, RATE).optional() }),
    z.strictObject({ type: z.literal('audio/pcmu') }),
    z.strictObject({ type: z.literal('audio/pcma') }),
  ])
  .nullish();

const todays = z.strictObject({
  type: z.literal('transcription', 'transcription: there is no other kind of session here').optional(),
  audio: z
    .strictObject({
      input: z.strictObject({ format, transcription, turn_detection: turnDetection, noise_reduction: hint }).nullish(),
    })
    .nullish(),
  include: noLogProbabilities,
});

const betas = z.strictObject({
  input_audio_format: z.enum(['pcm16', 'g711_ulaw', 'g711_alaw']).nullish(),
  input_audio_transcription: transcription,
  turn_detection: turnDetection,
  input_audio_noise_reduction: hint,
  include: noLogProbabilities,
});

export interface Update {
  readonly settings: Settings;
  readonly isBeta: boolean;
  /** What was given and changes nothing. */
  readonly ignored: readonly string[];
}

/** The settings once the client's wishes are taken in. @throws {OpenAiRefusal} what cannot be had */
export function update(before: Settings, session: Record<string, unknown>): Update {
  const isBeta = Object.keys(session).some((name) => name.startsWith('input_audio_') || name === 'turn_detection');
  return isBeta ? updateBeta(before, session) : updateTodays(before, session);
}

function updateTodays(before: Settings, session: Record<string, unknown>): Update {
  const { audio } = parse(todays, session);
  const input = audio?.input ?? {};
  const path = 'audio.input.';
  return {
    isBeta: false,
    settings: changed(before, { ...input, format: input.format?.type }),
    ignored: [...ignoredOf(input, path), ...(input.noise_reduction == null ? [] : [`${path}noise_reduction`])],
  };
}

function updateBeta(before: Settings, session: Record<string, unknown>): Update {
  const given = parse(betas, session);
  const wanted = {
    ...('turn_detection' in given ? { turn_detection: given.turn_detection } : {}),
    transcription: given.input_audio_transcription,
    format: given.input_audio_format == null ? undefined : BETA_FORMATS[given.input_audio_format],
  };
  return {
    isBeta: true,
    settings: changed(before, wanted),
    ignored: [
      ...ignoredOf(wanted, ''),
      ...(given.input_audio_noise_reduction == null ? [] : ['input_audio_noise_reduction']),
    ],
  };
}

interface Wanted {
  readonly format: Settings['format'] | undefined;
  readonly transcription?: z.infer<typeof transcription>;
  /** Absent: as before; null: none. */
  readonly turn_detection?: z.infer<typeof turnDetection>;
}

function changed(before: Settings, wanted: Wanted): Settings {
  const { model, language, languages } = wanted.transcription ?? {};
  return {
    format: wanted.format ?? before.format,
    model: model ?? before.model,
    language: language ?? languages?.[0] ?? before.language,
    detectsTurns: wanted.turn_detection === undefined ? before.detectsTurns : wanted.turn_detection !== null,
  };
}

function ignoredOf(wanted: Omit<Wanted, 'format'>, path: string): string[] {
  const hints = ['prompt', 'keywords', 'delay'] as const;
  const numbers = [
    'threshold',
    'prefix_padding_ms',
    'silence_duration_ms',
    'idle_timeout_ms',
    'create_response',
    'interrupt_response',
  ] as const;
  const isSaid = (value: unknown): boolean =>
    value != null && value !== '' && !(Array.isArray(value) && value.length === 0);
  return [
    ...hints.filter((name) => isSaid(wanted.transcription?.[name])).map((name) => `${path}transcription.${name}`),
    ...numbers.filter((name) => isSaid(wanted.turn_detection?.[name])).map((name) => `${path}turn_detection.${name}`),
  ];
}

function parse<T extends z.ZodObject>(schema: T, session: Record<string, unknown>): z.output<T> {
  const result = schema.safeParse(session);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const inside = issue?.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : (issue?.path ?? []);
  const param = ['session', ...inside.map(String)].join('.');
  const what =
    issue?.code === 'unrecognized_keys' ? `Unknown parameter: ${shown(param)}` : `${param}: ${issue?.message ?? ''}`;
  throw new OpenAiRefusal(what, param, issue?.code === 'unrecognized_keys' ? 'unknown_parameter' : 'invalid_value');
}

/** The session as it is in effect. @param id of the session, by which everything else here knows it too */
export function described(id: string, { settings, isBeta, ignored }: Update, more: object = {}): object {
  const { format, model, language, detectsTurns } = settings;
  const common = { id, object: 'realtime.transcription_session', expires_at: 0, include: null };
  const heard = { model, language, prompt: null };
  const turns = detectsTurns ? { type: 'server_vad' } : null;
  const longhand = { ignored, ...more };
  if (isBeta) {
    const beta = Object.entries(BETA_FORMATS).find(([, name]) => name === format)?.[0];
    return { ...common, input_audio_format: beta, input_audio_transcription: heard, turn_detection: turns, longhand };
  }
  const type = format === 'audio/pcm' ? { type: format, rate: 24_000 } : { type: format };
  const input = { format: type, transcription: heard, noise_reduction: null, turn_detection: turns };
  return { ...common, type: 'transcription', audio: { input }, longhand };
}
