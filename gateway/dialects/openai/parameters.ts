/**
 * The fields of `POST /v1/audio/transcriptions`, as https://platform.openai.com/docs/api-reference/audio has them and the
 * official SDKs send them. What cannot be done is refused by name; what changes nothing here is named in the answer.
 */
import { z } from 'zod';
import { Failure } from '../../failures.ts';
import { chooseModel, shown } from '../../protocol.ts';
import type { Catalogue, Choice } from '../../protocol.ts';
import type { FormFields, FormRules } from '../../rest/form.ts';
import { modelNamed, modelNames } from '../aliases.ts';
import { readChunking } from './chunking.ts';
import { OpenAiRefusal } from './refusal.ts';

export const RESPONSE_FORMATS = ['json', 'text', 'srt', 'verbose_json', 'vtt'] as const;
export type ResponseFormat = (typeof RESPONSE_FORMATS)[number];

export const GRANULARITIES = ['word', 'segment'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

export interface TranscriptionRequest {
  readonly choice: Choice;
  readonly format: ResponseFormat;
  readonly granularities: readonly Granularity[];
  readonly stream: boolean;
  /** Parameters that were given and change nothing here. */
  readonly ignored: readonly string[];
}

const MAX_FIELDS = 64;
/** A prompt is the longest that is taken. */
const MAX_FIELD_BYTES = 16 << 10;

/** Fields that are given once, and those that may be repeated, as `name[]` or `name`. */
const SINGLE = [
  'model',
  'language',
  'prompt',
  'response_format',
  'temperature',
  'stream',
  'chunking_strategy',
] as const;
const REPEATED = ['languages', 'keywords', 'include', 'timestamp_granularities'] as const;
const ALLOWED = ['file', ...SINGLE, ...REPEATED.map((name) => `${name}[]`)].join(', ');

const REFUSED: Readonly<Record<string, string>> = {
  known_speaker_names: 'no model that is served here tells speakers apart',
  known_speaker_references: 'no model that is served here tells speakers apart',
};

/** `name[]` and `name[key]` belong to `name`. */
const baseName = (name: string): string => /^([^[\]]+)\[[^[\]]*\]$/.exec(name)?.[1] ?? name;

const isOneOf = <T extends string>(names: readonly T[], name: string): name is T => names.some((one) => one === name);

export const transcriptionForm = (catalogue: Catalogue): FormRules<TranscriptionRequest> => ({
  maxFieldBytes: MAX_FIELD_BYTES,
  maxFields: MAX_FIELDS,
  refuse: refusalOf,
  read: (fields) => readTranscription(fields, catalogue),
});

function refusalOf(name: string): OpenAiRefusal | null {
  const base = baseName(name);
  const why = Object.hasOwn(REFUSED, base) ? REFUSED[base] : undefined;
  if (why !== undefined) return new OpenAiRefusal(`${base} is not supported: ${why}`, base, 'unsupported_parameter');
  if (isOneOf(SINGLE, name) || isOneOf(REPEATED, base) || base === 'chunking_strategy') return null;
  return new OpenAiRefusal(`Unknown parameter: ${shown(name)}: one of ${ALLOWED}`, shown(name), 'unknown_parameter');
}

const text = z.string();
const NOT_SPOKEN = ['', 'null'];

const shape = z.object({
  model: text.optional(),
  language: text.optional(),
  languages: z.array(text).max(1, 'one at most: no model that is served here finds out which language is spoken'),
  prompt: text.optional(),
  keywords: z.array(text),
  response_format: z
    .enum(RESPONSE_FORMATS, {
      error: ({ input }) =>
        `${input === 'diarized_json' ? 'no model that is served here tells speakers apart: ' : ''}one of ${RESPONSE_FORMATS.join(', ')}`,
    })
    .default('json'),
  temperature: text
    .regex(/^\d{1,3}(\.\d{1,18})?$/, 'a number from 0 to 1')
    .transform(Number)
    .refine((value) => value <= 1, 'a number from 0 to 1')
    .default(0),
  stream: z.enum(['true', 'false'], 'true or false').default('false'),
  include: z.array(text).max(0, 'nothing can be included: no model that is served here gives log probabilities'),
  timestamp_granularities: z.array(z.enum(GRANULARITIES, `one of ${GRANULARITIES.join(', ')}`)),
});

/** @throws {OpenAiRefusal} what is wrong with them */
function readTranscription(fields: FormFields, catalogue: Catalogue): TranscriptionRequest {
  const result = shape.safeParse(valuesOf(fields));
  if (!result.success) {
    const [issue] = result.error.issues;
    const param = String(issue?.path[0] ?? '');
    throw new OpenAiRefusal(`Invalid value for ${param}: ${issue?.message ?? 'not valid'}`, param);
  }
  const given = result.data;
  const stream = given.stream === 'true';
  refuseContradictions(given.response_format, given.timestamp_granularities, stream);
  const ignored = ignoredOf(given, readChunking(fields));
  return {
    choice: choiceOf(given.model, languageOf(given), catalogue),
    format: given.response_format,
    granularities: given.timestamp_granularities.length === 0 ? ['segment'] : given.timestamp_granularities,
    stream,
    ignored,
  };
}

function valuesOf(fields: FormFields): object {
  const repeated: Partial<Record<string, string[]>> = Object.fromEntries(REPEATED.map((name) => [name, []]));
  const values: Record<string, string> = {};
  for (const [name, given] of fields) {
    const base = baseName(name);
    const spoken = given.filter((value) => !NOT_SPOKEN.includes(value));
    if (isOneOf(REPEATED, base)) (repeated[base] ??= []).push(...spoken);
    else if (given.length > 1) throw new OpenAiRefusal(`${base} is given more than once`, base);
    else if (spoken[0] !== undefined && name === base) values[base] = spoken[0];
  }
  return { ...repeated, ...values };
}

function refuseContradictions(format: ResponseFormat, granularities: readonly Granularity[], stream: boolean): void {
  if (granularities.length > 0 && format !== 'verbose_json') {
    throw new OpenAiRefusal(
      `timestamp_granularities needs response_format verbose_json, and it is ${format}`,
      'timestamp_granularities',
    );
  }
  if (stream && format !== 'json' && format !== 'text') {
    throw new OpenAiRefusal(`stream gives text as it comes: response_format is json or text, not ${format}`, 'stream');
  }
}

function languageOf({
  language,
  languages: [only],
}: {
  language?: string | undefined;
  languages: string[];
}): string | undefined {
  if (language !== undefined && only !== undefined && language !== only) {
    throw new OpenAiRefusal('language and languages contradict each other: give one of them', 'languages');
  }
  return language ?? only;
}

/** @throws {OpenAiRefusal} for a model or language that is not served here */
export function choiceOf(model: string | undefined, language: string | undefined, catalogue: Catalogue): Choice {
  const name = modelNamed(catalogue, model);
  if (!Object.hasOwn(catalogue.models, name)) throw unknownModel(name, catalogue);
  try {
    return chooseModel({ model: name, language, priority: 'normal' }, catalogue);
  } catch (error) {
    throw error instanceof Failure ? new OpenAiRefusal(error.message, 'language') : error;
  }
}

export const unknownModel = (name: string, catalogue: Catalogue): OpenAiRefusal =>
  new OpenAiRefusal(
    `The model ${shown(name)} does not exist here: one of ${modelNames(catalogue).join(', ')}`,
    'model',
    'model_not_found',
    404,
  );

interface Hints {
  readonly prompt?: string | undefined;
  readonly keywords: readonly string[];
  readonly temperature: number;
}

/** Recognisers here take no hints and make no random choices. */
function ignoredOf({ prompt, keywords, temperature }: Hints, chunking: 'default' | 'own'): string[] {
  return [
    ...(prompt === undefined ? [] : ['prompt']),
    ...(keywords.length === 0 ? [] : ['keywords']),
    ...(temperature === 0 ? [] : ['temperature']),
    ...(chunking === 'default' ? [] : ['chunking_strategy']),
  ];
}
