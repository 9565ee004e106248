/** Segments in Deepgram's words: seconds, `word` without punctuation, `punctuated_word` as the model wrote it. Pure. */
import { createHash } from 'node:crypto';
import type { Segment, Word } from '../../../workflows/contract.ts';

export interface ListenWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  /** Null where the model gives none: a number would be made up. */
  readonly confidence: number | null;
  readonly punctuated_word?: string;
}

export interface Alternative {
  readonly transcript: string;
  readonly confidence: number | null;
  readonly words: readonly ListenWord[];
}

export const seconds = (ms: number): number => Math.round(ms) / 1000;

/** Small letters, and no punctuation around it; a word that is nothing else stays. */
export function bareWord(text: string): string {
  const bare = text.replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '');
  return (bare === '' ? text : bare).toLowerCase();
}

export function listenWord({ text, startMs, endMs, confidence }: Word, punctuate: boolean): ListenWord {
  return {
    word: bareWord(text),
    start: seconds(startMs),
    end: seconds(endMs),
    confidence: confidence ?? null,
    ...(punctuate ? { punctuated_word: text } : {}),
  };
}

/** A text as it is given: as the model wrote it, or bare. */
export const transcriptOf = (text: string, punctuate: boolean): string =>
  punctuate
    ? text
    : text
        .split(/\s+/)
        .filter((word) => word !== '')
        .map(bareWord)
        .join(' ');

export function alternativeOf(segments: readonly Pick<Segment, 'text' | 'words'>[], punctuate: boolean): Alternative {
  const text = segments.map((segment) => segment.text).join(' ');
  const words = segments.flatMap((segment) => segment.words.map((word) => listenWord(word, punctuate)));
  return { transcript: transcriptOf(text, punctuate), confidence: confidenceOf(words), words };
}

/** The mean of the words' own; null unless each has one. */
export function confidenceOf(words: readonly ListenWord[]): number | null {
  const known = words.flatMap(({ confidence }) => (confidence === null ? [] : [confidence]));
  if (known.length === 0 || known.length < words.length) return null;
  return known.reduce((sum, confidence) => sum + confidence, 0) / known.length;
}

/** What Deepgram's answers say of a model. Longhand's models have a name, and no version or architecture that it knew. */
export const modelInfo = (model: string) => ({ name: model, version: 'unknown', arch: 'unknown' });

export const modelUuid = (model: string): string => uuidOf(`model/${model}`);

/** A UUID that is always the same for the same text (RFC 9562, version 8). */
export function uuidOf(text: string): string {
  const hex = createHash('sha256').update(`longhand/${text}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
