/** Takes what was said out of a recording and keeps what replay needs: lengths, times, ids, order. */
import { CliError } from '../failure.ts';
import type { HistoryEvent, Recording } from './recording.ts';

/** Fields of workflows/contract.ts that hold what was said, a name that a person chose, or an address that may hold a key. */
const HIDDEN: ReadonlySet<string> = new Set(['text', 'fileName', 'url', 'sourceUrl']);

/** Every text as long as it was, its letters `x`. @throws CliError for a payload that cannot be read. */
export const redacted = (recording: Recording): Recording => ({
  ...recording,
  isRedacted: true,
  runs: recording.runs.map((run) => ({
    ...run,
    events: run.events.map((event) => mapPayloads(event) as HistoryEvent),
  })),
});

interface JsonPayload {
  readonly metadata: { readonly encoding?: string };
  readonly data?: string;
}

/** Payloads are wherever an event has values: arguments, results, memo, heartbeats, failures. */
function mapPayloads(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(mapPayloads);
  if (typeof value !== 'object' || value === null) return value;
  if (isPayload(value)) return redactPayload(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, mapPayloads(inner)]));
}

const isPayload = (value: object): value is JsonPayload =>
  'metadata' in value &&
  typeof value.metadata === 'object' &&
  value.metadata !== null &&
  'encoding' in value.metadata &&
  typeof value.metadata.encoding === 'string' &&
  (!('data' in value) || typeof value.data === 'string');

const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

function redactPayload(payload: JsonPayload): JsonPayload {
  const encoding = fromBase64(payload.metadata.encoding ?? '');
  if (encoding === 'binary/null') return payload;
  if (encoding !== 'json/plain') {
    throw new CliError(`a value of encoding ${encoding} cannot be redacted: only json/plain can be read`);
  }
  const value = hide(JSON.parse(fromBase64(payload.data ?? '')) as unknown);
  return { ...payload, data: Buffer.from(JSON.stringify(value)).toString('base64') };
}

function hide(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hide);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      HIDDEN.has(key) && typeof inner === 'string' ? placeholder(inner) : hide(inner),
    ]),
  );
}

/** As many UTF-16 units, with the gaps between words where they were. */
const placeholder = (text: string): string => text.replace(/\S/g, 'x');
