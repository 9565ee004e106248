/** What a client of /client/ws/speech asks for in its address. */
import { randomUUID } from 'node:crypto';
import type { Catalogue, LiveRequest } from '../../protocol.ts';
import { chooseModel, nameSchema, parseParameters, queryObject } from '../../protocol.ts';
import { z } from 'zod';
import { sessionFormat } from './audio-in.ts';
import { readCaps } from './caps.ts';
import type { AudioSource } from './caps.ts';
import { identified } from './labels.ts';

export interface SpeechRequest {
  readonly live: LiveRequest & { readonly session: string };
  readonly source: AudioSource;
  /** The client names its session, an extension: it is told what is stored. */
  readonly isNamed: boolean;
  /** What it asked for that has no effect here. */
  readonly ignored: readonly string[];
}

/** `content-type`, `user-id` and `content-id` are the old server's; the others are Longhand's. */
const parameters = z.strictObject({
  'content-type': z.string().max(2000).default(''),
  'user-id': z.string().optional(),
  'content-id': z.string().optional(),
  session: nameSchema.optional(),
  segment: z
    .string()
    .regex(/^\d{1,9}$/, 'a whole number')
    .transform(Number)
    .default(0),
  model: z.string().optional(),
  language: z.string().optional(),
});
const KNOWN = Object.keys(parameters.shape);

/** @throws Failure for a parameter with a value that is not allowed */
export function readSpeechRequest(query: URLSearchParams, catalogue: Catalogue): SpeechRequest {
  const all = queryObject(query);
  const given = parseParameters(
    parameters,
    Object.fromEntries(Object.entries(all).filter(([name]) => KNOWN.includes(name))),
  );
  const { session, segment, model, language } = given;
  const source = readCaps(given['content-type']);
  const { label, ignored } = identified({ 'user-id': given['user-id'], 'content-id': given['content-id'] });
  const choice = chooseModel({ model, language, priority: 'normal', label }, catalogue);
  return {
    live: { ...choice, session: session ?? randomUUID(), index: segment, attempt: null, audio: sessionFormat(source) },
    source,
    isNamed: session !== undefined,
    ignored: [...Object.keys(all).filter((name) => !KNOWN.includes(name)), ...ignored],
  };
}
