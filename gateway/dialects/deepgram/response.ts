/** The answer to a pre-recorded request: a finished transcript in Deepgram's form. Pure. */
import type { Segment, TranscriptDocument } from '../../../workflows/contract.ts';
import type { Parameters, Warning } from './parameters.ts';
import { paragraphsOf, utterancesOf } from './utterances.ts';
import { alternativeOf, modelInfo, modelUuid, seconds } from './words.ts';

/** What shapes an answer; plain JSON, so that it may travel with a session. */
export interface ListenOptions {
  readonly punctuate: boolean;
  readonly paragraphs: boolean;
  /** Null: no utterances are asked for. */
  readonly utteranceSplitMs: number | null;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  readonly warnings: readonly Warning[];
}

/** What is known of a request beside its transcript. */
export interface ListenFacts {
  readonly requestId: string;
  /** Of the request's audio as it was sent, in hex; null where it was fetched from elsewhere. */
  readonly sha256: string | null;
  /** ISO 8601. */
  readonly created: string;
}

const DEFAULT_SPLIT_S = 0.8;

export function listenOptions(parameters: Parameters, warnings: readonly Warning[]): ListenOptions {
  const smart = parameters.isOn('smart_format');
  const paragraphs = parameters.isOn('paragraphs') || smart;
  return {
    punctuate: parameters.isOn('punctuate') || paragraphs,
    paragraphs,
    utteranceSplitMs: parameters.isOn('utterances') ? (parameters.number('utt_split') ?? DEFAULT_SPLIT_S) * 1000 : null,
    tags: parameters.all('tag'),
    extra: extraOf(parameters),
    warnings,
  };
}

/** What the client wants given back, by key. */
export const extraOf = (parameters: Parameters): Readonly<Record<string, string>> =>
  Object.fromEntries(parameters.all('extra').map(keyAndValue));

/** `key:value`; of a text without a colon the key is all of it. */
function keyAndValue(text: string): [string, string] {
  const [key = '', ...value] = text.split(':');
  return [key, value.join(':')];
}

type Document = Pick<TranscriptDocument, 'segments' | 'audioMs' | 'model' | 'holes' | 'channels'>;

export function listenResponse(document: Document, facts: ListenFacts, options: ListenOptions) {
  const channels = byChannel(document.segments, document.channels ?? 1);
  const { punctuate, paragraphs, utteranceSplitMs } = options;
  const results = channels.map((segments) => ({
    alternatives: [
      { ...alternativeOf(segments, punctuate), ...(paragraphs ? { paragraphs: paragraphsOf(segments) } : {}) },
    ],
  }));
  const utterances =
    utteranceSplitMs === null
      ? {}
      : { utterances: utterancesOf(channels, utteranceSplitMs, punctuate, facts.requestId) };
  return { metadata: metadataOf(document, facts, options), results: { channels: results, ...utterances } };
}

function byChannel(segments: readonly Segment[], count: number): Segment[][] {
  const sorted = [...segments].sort((a, b) => a.startMs - b.startMs);
  return Array.from({ length: count }, (_, channel) => sorted.filter((segment) => segment.channel === channel));
}

function metadataOf(document: Document, facts: ListenFacts, { tags, extra, warnings }: ListenOptions) {
  const uuid = modelUuid(document.model);
  const all = [...warnings, ...holesOf(document)];
  return {
    transaction_key: 'deprecated',
    request_id: facts.requestId,
    sha256: facts.sha256,
    created: facts.created,
    duration: seconds(document.audioMs),
    channels: document.channels ?? 1,
    models: [uuid],
    model_info: { [uuid]: modelInfo(document.model) },
    ...(tags.length === 0 ? {} : { tags }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
    ...(all.length === 0 ? {} : { warnings: all }),
  };
}

/** A transcript that is not of all the audio says so. */
const holesOf = ({ holes = [] }: Document): Warning[] =>
  holes.map(({ startMs, endMs }) => ({
    parameter: 'audio',
    type: 'incomplete',
    message: `no text could be made of ${seconds(startMs)} to ${seconds(endMs)} s`,
  }));
