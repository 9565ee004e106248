/**
 * Segments as subtitle cues: at most two lines of at most 42 characters, at most 7 s, cut where a sentence or a clause
 * ends if there is such a place, and long enough to be read. The numbers are those that broadcasters agree on:
 * https://partnerhelp.netflixstudios.com/hc/en-us/articles/217350977, https://www.bbc.co.uk/accessibility/forproducts/guides/subtitles
 */
import type { Segment } from '../contract.ts';
import { oneLine } from './text.ts';

const LINE_CHARACTERS = 42;
const LINES = 2;
/** Longest time one cue stands, in milliseconds. */
const CUE_MS = 7000;
/** A cue stands at least so long, and so long for each character, where the next one leaves room. */
const SHORTEST_CUE_MS = 833;
const CHARACTER_MS = 1000 / 20;

export interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly channel: number;
  readonly lines: readonly string[];
}

interface Token {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** In order of their start, channels among each other. */
export function cuesOf(segments: readonly Segment[]): Cue[] {
  const cues = segments.flatMap((segment) => segmentCues(segment)).sort((a, b) => a.startMs - b.startMs);
  const nextStartMs = new Map<number, number>();
  return cues
    .reduceRight<Cue[]>((shown, cue) => {
      shown[shown.length] = readable(cue, nextStartMs.get(cue.channel) ?? Infinity);
      nextStartMs.set(cue.channel, cue.startMs);
      return shown;
    }, [])
    .reverse();
}

/** A cue that would be gone before it is read stays, at most until the next one of its channel. */
function readable(cue: Cue, nextStartMs: number): Cue {
  const characters = cue.lines.reduce((sum, line) => sum + line.length, 0);
  const wantedMs = Math.min(CUE_MS, Math.max(SHORTEST_CUE_MS, characters * CHARACTER_MS));
  const endMs = Math.min(Math.round(cue.startMs + wantedMs), nextStartMs);
  return endMs > cue.endMs ? { ...cue, endMs } : cue;
}

function segmentCues(segment: Segment): Cue[] {
  const cues: Cue[] = [];
  for (let rest = tokensOf(segment); rest.length > 0;) {
    const taken = rest.slice(0, breakIn(rest));
    rest = rest.slice(taken.length);
    const [startMs, endMs] = [taken[0]?.startMs ?? 0, taken.at(-1)?.endMs ?? 0];
    cues.push({ startMs, endMs: Math.max(endMs, startMs + 1), channel: segment.channel, lines: linesOf(taken) });
  }
  return cues;
}

/** How many tokens the next cue takes: all that fit, or up to the last sentence's or clause's end in the latter half of them. */
function breakIn(tokens: readonly Token[]): number {
  let fitting = 1;
  while (fitting < tokens.length && fits(tokens.slice(0, fitting + 1))) fitting += 1;
  if (fitting === tokens.length) return fitting;
  const after = (mark: RegExp): number => tokens.slice(0, fitting).findLastIndex(({ text }) => mark.test(text)) + 1;
  return [after(SENTENCE_END), after(CLAUSE_END)].find((length) => length * 2 >= fitting && length > 0) ?? fitting;
}

const SENTENCE_END = /[.?!…。？！]["'”’)\]]*$/u;
const CLAUSE_END = /[,;:–—、，；：]["'”’)\]]*$/u;

function fits(tokens: readonly Token[]): boolean {
  const lengthMs = (tokens.at(-1)?.endMs ?? 0) - (tokens[0]?.startMs ?? 0);
  return lengthMs <= CUE_MS && linesOf(tokens).length <= LINES;
}

function linesOf(tokens: readonly Token[]): string[] {
  const lines: string[] = [];
  for (const { text } of tokens) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + text.length <= LINE_CHARACTERS)
      lines[lines.length - 1] = `${last} ${text}`;
    else lines.push(text);
  }
  return lines;
}

/**
 * The segment's text in pieces that are not cut further, each with its time: its words' own where there is one for each
 * piece, else the segment's time spread over the letters.
 */
function tokensOf(segment: Segment): Token[] {
  const texts = oneLine(segment.text)
    .split(' ')
    .filter((text) => text !== '');
  const { startMs, endMs, words } = segment;
  if (texts.length === words.length) {
    return texts.flatMap((text, index) => hardWrap({ startMs, endMs, ...words[index], text }));
  }
  return spread(texts, startMs, endMs).flatMap(hardWrap);
}

/** Writing without spaces (or an endless word) is cut at the length of a line, never inside a character. */
function hardWrap(token: Token): Token[] {
  const characters = Array.from(token.text);
  if (characters.length <= LINE_CHARACTERS) return [token];
  const pieces = Array.from({ length: Math.ceil(characters.length / LINE_CHARACTERS) }, (_, index) =>
    characters.slice(index * LINE_CHARACTERS, (index + 1) * LINE_CHARACTERS).join(''),
  );
  return spread(pieces, token.startMs, token.endMs);
}

function spread(texts: readonly string[], startMs: number, endMs: number): Token[] {
  const letters = texts.reduce((sum, text) => sum + text.length, 0);
  const at = (before: number): number => Math.round(startMs + ((endMs - startMs) * before) / Math.max(1, letters));
  let before = 0;
  return texts.map((text) => {
    const token = { text, startMs: at(before), endMs: at(before + text.length) };
    before += text.length;
    return token;
  });
}
