/**
 * The query parameters of Deepgram's /v1/listen, and what becomes of each here: done, done otherwise and reported in the
 * answer, or refused. None is taken in name only. The table of docs/dialects/deepgram.md is made of this one (kept equal by
 * a test). Names and values: deepgram-api-specs of 2026-07-22.
 */
import { Failure } from '../../failures.ts';
import { shown } from '../../protocol.ts';

/** `live` is the WebSocket, `file` the POST. */
export type Endpoint = 'live' | 'file';

type Handling = 'supported' | 'reported' | 'refused';

interface Row {
  readonly at: readonly Endpoint[];
  readonly handling: Handling;
  /** What is done, or why it is not. */
  readonly says: string;
  /** What a value has to be. */
  readonly kind: Kind;
  readonly repeatable?: boolean;
  /** Values that ask for nothing. */
  readonly idle?: readonly string[];
}

type Kind = 'text' | 'boolean' | 'wholeNumber' | 'seconds' | readonly string[];

const BOTH: readonly Endpoint[] = ['live', 'file'];
const LIVE: readonly Endpoint[] = ['live'];
const FILE: readonly Endpoint[] = ['file'];

export const RAW_ENCODINGS = ['linear16', 'linear32', 'mulaw', 'alaw'] as const;
export type RawEncoding = (typeof RAW_ENCODINGS)[number];
const PACKED_ENCODINGS = ['flac', 'opus', 'ogg-opus', 'amr-nb', 'amr-wb', 'speex', 'g729'] as const;
const ENCODINGS = [...RAW_ENCODINGS, ...PACKED_ENCODINGS] as const;

const row = (at: readonly Endpoint[], handling: Handling, kind: Kind, says: string, more: Partial<Row> = {}): Row => ({
  at,
  handling,
  kind,
  says,
  ...more,
});
/** A switch that is off asks for nothing. */
const off = { idle: ['false'] };
const list = { repeatable: true };

export const PARAMETERS = {
  model: row(BOTH, 'supported', 'text', 'a model that is served here, or an alias of one'),
  language: row(
    BOTH,
    'supported',
    'text',
    'a language of the model; of `en-US` the region is reported, if the model knows `en` only',
  ),
  version: row(BOTH, 'reported', 'text', 'a model has one version here', { idle: ['latest'] }),
  encoding: row(BOTH, 'supported', ENCODINGS, 'raw samples; compressed ones are told from the stream itself'),
  sample_rate: row(BOTH, 'supported', 'wholeNumber', 'of raw samples'),
  channels: row(BOTH, 'supported', 'wholeNumber', 'of raw samples, mixed to one unless `multichannel` is asked for'),
  multichannel: row(BOTH, 'supported', 'boolean', 'each channel has its own results'),
  punctuate: row(BOTH, 'supported', 'boolean', 'as the model writes; otherwise small letters without punctuation'),
  smart_format: row(
    BOTH,
    'reported',
    'boolean',
    'punctuation and paragraphs are given; numbers, dates and the like stay as the model writes them',
    off,
  ),
  interim_results: row(LIVE, 'supported', 'boolean', 'partials, without words'),
  vad_events: row(LIVE, 'supported', 'boolean', '`SpeechStarted`, with the first words of an utterance'),
  utterance_end_ms: row(LIVE, 'supported', 'wholeNumber', '`UtteranceEnd`, by the time of the audio'),
  endpointing: row(LIVE, 'reported', 'text', "where an utterance ends is the model's own setting"),
  paragraphs: row(FILE, 'supported', 'boolean', 'cut between sentences, at pauses and after five'),
  utterances: row(FILE, 'supported', 'boolean', 'cut at pauses'),
  utt_split: row(FILE, 'supported', 'seconds', 'the pause between utterances, 0.8 s by default'),
  callback: row(
    BOTH,
    'supported',
    'text',
    'results are sent to this address, again and again for five minutes until each is received; live: finals and `Metadata`',
  ),
  callback_method: row(BOTH, 'supported', ['POST', 'PUT', 'post', 'put'], 'how they are sent'),
  tag: row(BOTH, 'supported', 'text', 'given back in `metadata.tags`', list),
  extra: row(BOTH, 'supported', 'text', '`key:value`, given back in `metadata.extra`', list),
  mip_opt_out: row(BOTH, 'supported', 'boolean', 'no audio is used to improve models, whatever is asked for'),
  session: row(BOTH, 'supported', 'text', "Longhand's own: names the session, to take a live one up again"),
  index: row(
    LIVE,
    'supported',
    'wholeNumber',
    "Longhand's own: finals the client already has of a session that it takes up again",
  ),
  keyterm: row(BOTH, 'reported', 'text', 'the models take no hints', list),
  language_hint: row(BOTH, 'reported', 'text', 'the models take no hints', list),
  keywords: row(BOTH, 'reported', 'text', 'the models take no hints', list),
  numerals: row(BOTH, 'reported', 'boolean', 'numbers stay as the model writes them', off),
  measurements: row(FILE, 'reported', 'boolean', 'measurements stay as the model writes them', off),
  dictation: row(BOTH, 'reported', 'boolean', 'spoken punctuation stays as the model writes it', off),
  filler_words: row(FILE, 'reported', 'boolean', 'fillers stay as the model writes them', off),
  no_delay: row(LIVE, 'reported', 'boolean', 'finals are never held back for formatting', off),
  diarize: row(BOTH, 'refused', 'boolean', 'speakers are not told apart', off),
  diarize_model: row(BOTH, 'refused', 'text', 'speakers are not told apart'),
  diarize_version: row(BOTH, 'refused', 'text', 'speakers are not told apart'),
  detect_language: row(FILE, 'refused', 'text', 'name the language', off),
  detect_entities: row(BOTH, 'refused', 'boolean', 'entities are not detected', off),
  profanity_filter: row(BOTH, 'refused', 'boolean', 'nothing is taken out of a transcript', off),
  redact: row(BOTH, 'refused', 'text', 'nothing is taken out of a transcript', { ...list, ...off }),
  replace: row(BOTH, 'refused', 'text', 'nothing in a transcript is replaced', list),
  search: row(BOTH, 'refused', 'text', 'there is no search', list),
  summarize: row(FILE, 'refused', 'text', 'nothing is summarised', off),
  topics: row(FILE, 'refused', 'boolean', 'topics are not detected', off),
  custom_topic: row(FILE, 'refused', 'text', 'topics are not detected', list),
  custom_topic_mode: row(FILE, 'refused', 'text', 'topics are not detected'),
  intents: row(FILE, 'refused', 'boolean', 'intents are not detected', off),
  custom_intent: row(FILE, 'refused', 'text', 'intents are not detected', list),
  custom_intent_mode: row(FILE, 'refused', 'text', 'intents are not detected'),
  sentiment: row(FILE, 'refused', 'boolean', 'sentiments are not detected', off),
  alternatives: row(BOTH, 'refused', 'wholeNumber', 'there is one transcript', { idle: ['1'] }),
  tier: row(BOTH, 'refused', 'text', 'models have no tiers: name the model'),
} as const satisfies Record<string, Row>;

export type ParameterName = keyof typeof PARAMETERS;

/** Deepgram's own form of a warning, in `metadata.warnings`. */
export interface Warning {
  readonly parameter: string;
  readonly type: 'unsupported' | 'substituted' | 'incomplete';
  readonly message: string;
}

/** What was asked for: every parameter is one of the table, with a value that it may have. */
export class Parameters {
  readonly #given: ReadonlyMap<string, readonly string[]>;
  readonly warnings: readonly Warning[];

  constructor(given: ReadonlyMap<string, readonly string[]>, warnings: readonly Warning[]) {
    this.#given = given;
    this.warnings = warnings;
  }

  all(name: ParameterName): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  text(name: ParameterName): string | null {
    return this.#given.get(name)?.[0] ?? null;
  }

  isOn(name: ParameterName): boolean {
    return this.text(name)?.toLowerCase() === 'true';
  }

  number(name: ParameterName): number | null {
    const text = this.text(name);
    return text === null ? null : Number(text);
  }
}

/** @throws Failure that names the parameter, and says what is allowed */
export function readParameters(query: URLSearchParams, endpoint: Endpoint): Parameters {
  const given = new Map<string, string[]>();
  for (const [name, value] of query) given.set(name, [...(given.get(name) ?? []), value]);
  const warnings = [...given].flatMap(([name, values]) => check(name, values, endpoint));
  return new Parameters(given, warnings);
}

function check(name: string, values: readonly string[], endpoint: Endpoint): Warning[] {
  const known = rowOf(name);
  if (known === null) {
    throw new Failure('unknown_parameter', `${shown(name)} is no parameter: one of ${namesAt(endpoint).join(', ')}`);
  }
  if (!known.at.includes(endpoint)) {
    throw new Failure(
      'invalid_parameter',
      `${name}: not for ${endpoint === 'live' ? 'live audio' : 'pre-recorded audio'}`,
    );
  }
  if (values.length > 1 && known.repeatable !== true) {
    throw new Failure('invalid_parameter', `${name}: given more than once`);
  }
  for (const value of values) checkValue(name, value, known.kind);
  if (known.handling === 'supported' || values.every((value) => isIdle(value, known))) return [];
  if (known.handling === 'refused') throw new Failure('invalid_parameter', `${name}: not supported: ${known.says}`);
  return [{ parameter: name, type: 'unsupported', message: known.says }];
}

const isIdle = (value: string, { idle = [] }: Row): boolean => idle.includes(value.toLowerCase());

const rowOf = (name: string): Row | null =>
  Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name as ParameterName] : null;

const rows = (): readonly (readonly [string, Row])[] => Object.entries(PARAMETERS);

const namesAt = (endpoint: Endpoint): string[] =>
  rows().flatMap(([name, { at }]) => (at.includes(endpoint) ? [name] : []));

const MAX_TEXT_LENGTH = 2048;

function checkValue(name: string, value: string, kind: Kind): void {
  const refuse = (allowed: string): never => {
    throw new Failure('invalid_parameter', `${name}: ${shown(value)} is not ${allowed}`);
  };
  if (kind === 'text') {
    if (value === '' || value.length > MAX_TEXT_LENGTH) refuse(`a text of 1 to ${MAX_TEXT_LENGTH} characters`);
  } else if (kind === 'boolean') {
    if (!/^(true|false)$/i.test(value)) refuse('true or false');
  } else if (kind === 'wholeNumber') {
    if (!/^\d{1,9}$/.test(value)) refuse('a whole number');
  } else if (kind === 'seconds') {
    if (!/^\d{1,6}(\.\d{1,6})?$/.test(value)) refuse('a number of seconds, such as 0.8');
  } else if (!kind.includes(value)) refuse(`one of ${kind.join(', ')}`);
}

/** Those that have a meaning, for the OpenAPI document. */
export const parametersAt = (endpoint: Endpoint) =>
  rows().flatMap(([name, { at, handling, kind, says, repeatable = false }]) =>
    at.includes(endpoint) && handling !== 'refused' ? [{ name, handling, kind, says, repeatable }] : [],
  );

/** The table of docs/dialects/deepgram.md. */
export function parameterTable(): string {
  const lines = rows().map(([name, { at, handling, says }]) => {
    const where = at.length === 2 ? 'both' : at[0] === 'live' ? 'live' : 'pre-recorded';
    return `| \`${name}\` | ${where} | ${handling} | ${says} |`;
  });
  return ['| parameter | where | here | what |', '| --- | --- | --- | --- |', ...lines].join('\n');
}
