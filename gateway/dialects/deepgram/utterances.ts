/** Utterances and paragraphs: a channel's words, cut at pauses and at the ends of sentences. Pure. */
import type { Segment, Word } from '../../../workflows/contract.ts';
import { alternativeOf, seconds, transcriptOf, uuidOf } from './words.ts';
import type { Alternative } from './words.ts';

export interface Utterance extends Alternative {
  readonly id: string;
  readonly start: number;
  readonly end: number;
  readonly channel: number;
}

/** A stretch of speech; where the model gives no words it is the whole segment. */
interface Piece {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly words: readonly Word[];
}

/** Each word alone, as far as the model gives words. */
const piecesOf = (segments: readonly Segment[]): Piece[] =>
  segments.flatMap(({ text, startMs, endMs, words }) =>
    words.length === 0 ? [{ text, startMs, endMs, words }] : words.map((word) => ({ ...word, words: [word] })),
  );

/** Groups neighbours until `cut` says that the next one begins a new group. */
function grouped<T>(pieces: readonly T[], cut: (group: readonly T[], next: T) => boolean): T[][] {
  const groups: T[][] = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last === undefined || cut(last, piece)) groups.push([piece]);
    else last.push(piece);
  }
  return groups;
}

const joined = (pieces: readonly Piece[]): Piece => ({
  text: pieces.map(({ text }) => text).join(' '),
  startMs: pieces[0]?.startMs ?? 0,
  endMs: pieces.at(-1)?.endMs ?? 0,
  words: pieces.flatMap(({ words }) => words),
});

const pauseMs = (before: readonly Piece[], next: Piece): number => next.startMs - (before.at(-1)?.endMs ?? 0);

/** @param splitMs a pause of this length ends an utterance */
export function utterancesOf(
  channels: readonly (readonly Segment[])[],
  splitMs: number,
  punctuate: boolean,
  requestId: string,
): Utterance[] {
  const all = channels.flatMap((segments, channel) =>
    grouped(piecesOf(segments), (group, next) => pauseMs(group, next) >= splitMs).map((group, index) => {
      const piece = joined(group);
      const id = uuidOf(`utterance/${requestId}/${channel}/${index}`);
      return {
        start: seconds(piece.startMs),
        end: seconds(piece.endMs),
        ...alternativeOf([piece], punctuate),
        channel,
        id,
      };
    }),
  );
  return all.sort((a, b) => a.start - b.start);
}

/** A pause of this length between two sentences begins a paragraph, and so does the sixth sentence. */
const PARAGRAPH_PAUSE_MS = 2000;
const PARAGRAPH_SENTENCES = 5;

const endsSentence = (text: string): boolean => /[.!?…。？！]["'”’)\]]*$/.test(text);

export function paragraphsOf(segments: readonly Segment[]) {
  const sentences = grouped(piecesOf(segments), (group) => endsSentence(group.at(-1)?.text ?? '')).map(joined);
  const paragraphs = grouped(
    sentences,
    (group, next) => group.length >= PARAGRAPH_SENTENCES || pauseMs(group, next) >= PARAGRAPH_PAUSE_MS,
  );
  const text = paragraphs.map((group) => joined(group).text);
  return {
    transcript: transcriptOf(text.length === 0 ? '' : `\n${text.join('\n\n')}`, true),
    paragraphs: paragraphs.map((group) => {
      const { startMs, endMs, words } = joined(group);
      const each = group.map((one) => ({ text: one.text, start: seconds(one.startMs), end: seconds(one.endMs) }));
      return { sentences: each, num_words: words.length, start: seconds(startMs), end: seconds(endMs) };
    }),
  };
}
