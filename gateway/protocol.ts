/** The native live protocol (docs/protocol.md): parameters in, messages in and out. Pure. */
import { z } from 'zod';
import { LOG_BYTES_PER_MS, NAME_PATTERN, PRIORITIES } from '../workflows/contract.ts';
import type { AudioFormat, ConnectionAttempt, PriorityClass, Segment } from '../workflows/contract.ts';
import type { ResultsReceiver } from '../workflows/webhook/contract.ts';
import { Failure } from './failures.ts';
import { labelsSchema } from './labels.ts';

export const ENCODINGS = ['s16le', 'mulaw', 'alaw'] as const;
export const SAMPLE_RATES = [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const;
export const MAX_CHANNELS = 8;

/** What a gateway serves: the languages of each model. */
export interface Catalogue {
  readonly defaultModel: string;
  readonly models: Readonly<Record<string, { readonly languages: readonly string[] }>>;
  /** Names of other services' models and the model that each stands for, null being the default one; for the drop-in fronts. */
  readonly aliases?: Readonly<Record<string, string | null>>;
}

export const nameSchema = z
  .string()
  .regex(NAME_PATTERN, 'letters, digits, ".", "_", "-", at most 128, first a letter or digit');

/** A longer address is none that servers agree on. */
export const MAX_URL_LENGTH = 2048;

export const choiceShape = {
  model: z.string().optional(),
  language: z.string().optional(),
  session: nameSchema.optional(),
  priority: z.enum(PRIORITIES).default('normal'),
  label: labelsSchema.optional().describe('key:value, by which lists are filtered; may be given up to 16 times'),
  webhook: z.string().max(MAX_URL_LENGTH).optional().describe('address that is told of the end: docs/webhooks.md'),
};

const wholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'a whole number')
  .transform(Number);

const liveParameters = z.strictObject({
  ...choiceShape,
  index: wholeNumber.default(0),
  encoding: z.enum(ENCODINGS).default('s16le'),
  sample_rate: wholeNumber
    .refine((rate) => SAMPLE_RATES.some((known) => known === rate), `one of ${SAMPLE_RATES.join(', ')}`)
    .optional(),
  client: nameSchema.optional(),
  attempt: wholeNumber.default(0),
  channels: wholeNumber.refine((n) => n >= 1 && n <= MAX_CHANNELS, `1 to ${MAX_CHANNELS}`).default(1),
});

export interface Choice {
  readonly model: string;
  readonly language: string;
  readonly priority: PriorityClass;
  /** Each `key:value`; absent: none. */
  readonly labels?: readonly string[];
  /** Who is told of the end; absent: the installation's own receiver, if it has one. */
  readonly webhook?: string;
}

export interface LiveRequest extends Choice {
  readonly session: string | null;
  /** Finals the client already has. */
  readonly index: number;
  /** Null: the client does not number its connections. */
  readonly attempt: ConnectionAttempt | null;
  readonly audio: AudioFormat;
  /** False: a new session is refused where no slot is free. */
  readonly mayWait?: boolean;
  /** Who else is sent its finals as they come, if the session is new; absent: nobody. */
  readonly results?: ResultsReceiver['target'];
}

/** Path and query of a request's target: whatever a client wrote there, also what is no address. */
export function targetOf(url = '/'): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '', ...query] = url.split('?');
  return { path, query: new URLSearchParams(query.join('?')) };
}

/** A repeated parameter is an error too: which one was meant is not for us to guess. */
export function queryObject(query: URLSearchParams): Record<string, string> {
  const names = [...query.keys()];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Failure('invalid_parameter', `${shown(twice)}: given more than once`);
  return Object.fromEntries(query);
}

/** Parameters of our own API that may be given more than once, and are lists. */
export const LISTS: readonly string[] = ['label'];

/** As {@link queryObject}, with {@link LISTS}. */
export function queryWithLists(query: URLSearchParams): Record<string, string | string[]> {
  const single = new URLSearchParams([...query].filter(([name]) => !LISTS.includes(name)));
  const lists = LISTS.filter((name) => query.has(name)).map((name) => [name, query.getAll(name)] as const);
  return { ...queryObject(single), ...Object.fromEntries(lists) };
}

/** A client's own word, shortened, for an error message. */
export const shown = (word: string): string => JSON.stringify(word.length > 80 ? `${word.slice(0, 80)}…` : word);

/** Parses with a schema; throws the failure that names the parameter and what is allowed. */
export function parseParameters<T extends z.ZodObject>(schema: T, given: unknown): z.output<T> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    throw new Failure('unknown_parameter', `${shown(issue.keys[0] ?? '')} is no parameter: one of ${known}`);
  }
  throw new Failure('invalid_parameter', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
}

interface Wanted {
  readonly model?: string | undefined;
  readonly language?: string | undefined;
  readonly priority: PriorityClass;
  readonly webhook?: string | undefined;
  readonly label?: readonly string[] | undefined;
}

/** Model and language against what is served here. */
export function chooseModel({ model, language, priority, webhook, label = [] }: Wanted, catalogue: Catalogue): Choice {
  const name = model ?? catalogue.defaultModel;
  const known = Object.hasOwn(catalogue.models, name) ? catalogue.models[name] : undefined;
  if (known === undefined) {
    throw new Failure('unknown_model', `model ${shown(name)}: one of ${Object.keys(catalogue.models).join(', ')}`);
  }
  const chosen = language ?? known.languages[0] ?? 'en';
  if (!known.languages.includes(chosen)) {
    throw new Failure(
      'unknown_language',
      `language ${shown(chosen)}: model ${name} knows ${known.languages.join(', ')}`,
    );
  }
  const labels = label.length === 0 ? {} : { labels: label };
  return { model: name, language: chosen, priority, ...labels, ...(webhook === undefined ? {} : { webhook }) };
}

export function parseLiveRequest(query: URLSearchParams, catalogue: Catalogue): LiveRequest {
  const given = parseParameters(liveParameters, queryWithLists(query));
  const { encoding, channels } = given;
  return {
    ...chooseModel(given, catalogue),
    session: given.session ?? null,
    index: given.index,
    attempt: given.client === undefined ? null : { client: given.client, number: given.attempt },
    audio: { encoding, channels, sampleRate: given.sample_rate ?? (encoding === 's16le' ? 16_000 : 8000) },
  };
}

const clientMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('finalize') }),
  z.strictObject({ type: z.literal('keepalive') }),
  z.strictObject({ type: z.literal('end') }),
]);
export type ClientMessage = z.infer<typeof clientMessage>;

const MESSAGES =
  'audio goes in binary frames; text is one of {"type":"finalize"}, {"type":"keepalive"}, {"type":"end"}';

/** No message of the protocol is longer; a longer one is not even parsed. */
const MAX_MESSAGE_BYTES = 256;

export function parseClientMessage(data: Buffer): ClientMessage {
  let json: unknown = null;
  try {
    if (data.length <= MAX_MESSAGE_BYTES) json = JSON.parse(data.toString('utf8'));
  } catch {
    // Said below, with what is allowed.
  }
  const result = clientMessage.safeParse(json);
  if (!result.success) throw new Failure('invalid_message', `${shown(data.toString('utf8', 0, 80))}: ${MESSAGES}`);
  return result.data;
}

/** Server → client. Byte counts are in the client's own encoding, times in milliseconds of audio. */
export type ServerMessage =
  | {
      readonly type: 'session';
      readonly id: string;
      readonly durableBytes: number;
      readonly nextIndex: number;
      readonly model: string;
      readonly language: string;
    }
  | {
      readonly type: 'queued';
      readonly position: number | null;
      readonly estimatedWaitMs: number | null;
      readonly estimated: true;
    }
  | { readonly type: 'started' }
  | {
      readonly type: 'partial';
      readonly text: string;
      readonly startMs: number;
      readonly endMs: number;
      readonly channel: number;
    }
  | FinalMessage
  | { readonly type: 'ack'; readonly durableBytes: number }
  | {
      readonly type: 'done';
      readonly segments: number;
      readonly audioMs: number;
      readonly state: 'completed' | 'cancelled';
    }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly retryable: boolean };

export interface FinalMessage extends Omit<Segment, 'startByte' | 'endByte'> {
  readonly type: 'final';
  readonly revision: number;
  /** The stretch of the session's audio that the final accounts for. */
  readonly audioStartMs: number;
  readonly audioEndMs: number;
}

export function finalMessage(segment: Segment): FinalMessage {
  const { index, startMs, endMs, text, words, timing, channel, revision = 0, startByte, endByte } = segment;
  const audio = { audioStartMs: startByte / LOG_BYTES_PER_MS, audioEndMs: endByte / LOG_BYTES_PER_MS };
  return { type: 'final', index, startMs, endMs, text, words, timing, channel, revision, ...audio };
}

export const errorMessage = (failure: Failure): ServerMessage => ({
  type: 'error',
  code: failure.type,
  message: failure.message,
  retryable: failure.row.retryable,
});
