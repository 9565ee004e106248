/** What Vosk's clients and server say (vosk-server, websocket/asr_server.py). Pure. */
import { z } from 'zod';
import { Failure } from '../../failures.ts';
import { chooseModel, nameSchema, SAMPLE_RATES, shown } from '../../protocol.ts';
import type { Catalogue, Choice, FinalMessage } from '../../protocol.ts';

/** Without a configuration the server took what its model was made for; its own default. */
const DEFAULT_RATE = 8000;
const MAX_ALTERNATIVES = 100;

export interface VoskConfig extends Choice {
  readonly sampleRate: number;
  readonly words: boolean;
  /** 0: one result, without alternatives. */
  readonly maxAlternatives: number;
  /** Longhand's own: the session to go on with. */
  readonly session: string | null;
  /** Longhand's own: finals the client has already. */
  readonly segment: number;
  /** What was asked for and has no effect. */
  readonly ignored: readonly string[];
}

/** Flags are numbers or booleans, by client. */
const flag = z.union([z.boolean(), z.int()]).transform(Boolean);
const configSchema = z.looseObject({
  sample_rate: z.coerce
    .number()
    .refine((rate) => SAMPLE_RATES.some((known) => known === rate), `one of ${SAMPLE_RATES.join(', ')}`)
    .default(DEFAULT_RATE),
  words: flag.default(true),
  max_alternatives: z.int().min(0).max(MAX_ALTERNATIVES).default(0),
  model: z.string().max(1000).optional(),
  language: z.string().max(100).optional(),
  session: nameSchema.optional(),
  segment: z.int().min(0).default(0),
});

/** @throws Failure that names the field and what is allowed; a `model` is a name, and never a path */
export function readConfig(given: unknown, catalogue: Catalogue): VoskConfig {
  const result = configSchema.safeParse(given);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw new Failure('invalid_parameter', `config.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
  }
  const { sample_rate, words, max_alternatives, model, language, session, segment, ...others } = result.data;
  return {
    ...chooseModel({ model, language, priority: 'normal' }, catalogue),
    sampleRate: sample_rate,
    words,
    maxAlternatives: max_alternatives,
    session: session ?? null,
    segment,
    ignored: Object.keys(others).slice(0, 20),
  };
}

export type VoskMessage =
  { readonly type: 'config'; readonly config: unknown } | { readonly type: 'eof' } | { readonly type: 'reset' };

/** No message of a client is longer: a phrase list is the longest. */
const MAX_MESSAGE_BYTES = 65_536;
const MESSAGES = 'text is one of {"config": {…}}, {"eof": 1}, {"reset": 1}';

/** The old server compared `{"eof" : 1}` letter by letter; here any JSON of it counts. */
export function parseVoskMessage(data: Buffer): VoskMessage {
  const json = data.length > MAX_MESSAGE_BYTES ? null : parsed(data);
  if (typeof json === 'object' && json !== null) {
    if ('config' in json) return { type: 'config', config: json.config };
    if ('eof' in json) return { type: 'eof' };
    if ('reset' in json) return { type: 'reset' };
  }
  throw new Failure('invalid_message', `${shown(data.toString('utf8', 0, 80))}: ${MESSAGES}`);
}

function parsed(data: Buffer): unknown {
  try {
    return JSON.parse(data.toString('utf8'));
  } catch {
    return null;
  }
}

/** Finals as one result: its words one after another, its texts joined by a space. */
export function resultOf(finals: readonly FinalMessage[], { words, maxAlternatives }: VoskConfig): object {
  const text = finals.map((final) => final.text).join(' ');
  const all = finals.flatMap((final) => final.words.map(wordOf));
  // As Vosk does it: no `result` where there is no word.
  const result = words && all.length > 0 ? { result: all } : {};
  if (maxAlternatives === 0) return { ...result, text };
  // There is one hypothesis, which is at most as many as were asked for.
  return { alternatives: [{ confidence: 1, ...result, text }] };
}

/** Times in seconds from the start of the session. Clients need a `conf`: where the model gives none it is 1. */
const wordOf = ({ text, startMs, endMs, confidence = 1 }: FinalMessage['words'][number]) => ({
  conf: confidence,
  end: endMs / 1000,
  start: startMs / 1000,
  word: text,
});
