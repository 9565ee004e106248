/** A transcript in the formats that are asked for. Pure: activities, gateway and command line show the same. */
import type { Segment, TranscriptDocument, TranscriptFormat } from './contract.ts';

/** Subtitle lines: at most two of at most 42 characters, the usual bound for readable captions. */
const LINE_CHARACTERS = 42;
const LINES = 2;
/** Longest time one cue stands, in milliseconds. */
const CUE_MS = 7000;

/** A transcript that is finished, or that of a session that goes on, up to its last final. */
export type Renderable = Omit<TranscriptDocument, 'state'> & { readonly state: string };

/** The transcript as a text of the format; ends with a line feed. */
export function render(document: Renderable, format: TranscriptFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(document)}\n`;
    case 'txt':
      return document.segments.map((segment) => `${speakerOf(document, segment)}${oneLine(segment.text)}\n`).join('');
    case 'srt':
      return cuesOf(document).map(srtCue).join('\n');
    case 'vtt':
      return ['WEBVTT\n', ...cuesOf(document).map(vttCue)].join('\n');
  }
}

/** Who speaks is said where channels were transcribed apart: as `[Channel 0] `. */
const speakerOf = ({ channels = 1 }: Renderable, { channel }: Pick<Segment, 'channel'>): string =>
  channels === 1 ? '' : `[Channel ${channel}] `;

interface Cue {
  readonly startMs: number;
  readonly endMs: number;
  readonly lines: readonly string[];
  /** Null where there is one. */
  readonly channel: number | null;
}

interface Token {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** SubRip has no escapes: only what would end the cue or read as its time line is changed. */
const srtCue = ({ startMs, endMs, lines, channel }: Cue, index: number): string =>
  `${index + 1}\n${time(startMs, ',')} --> ${time(endMs, ',')}\n${channel === null ? '' : `[Channel ${channel}] `}${lines.join('\n').replaceAll('-->', '→')}\n`;

/**
 * https://www.w3.org/TR/webvtt1/#webvtt-cue-text: `&` and `<` are escaped, and `>` so that no `-->` can stand; a channel is a
 * voice span.
 */
const vttCue = ({ startMs, endMs, lines, channel }: Cue): string =>
  `${time(startMs, '.')} --> ${time(endMs, '.')}\n${channel === null ? '' : `<v Channel ${channel}>`}${lines.map(escapeVtt).join('\n')}\n`;

const escapeVtt = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** HH:MM:SS and milliseconds; hours grow past two digits. */
function time(ms: number, mark: ',' | '.'): string {
  const whole = Math.max(0, Math.round(ms));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const clock = [two(whole / 3_600_000), two((whole / 60_000) % 60), two((whole / 1000) % 60)].join(':');
  return `${clock}${mark}${String(whole % 1000).padStart(3, '0')}`;
}

const cuesOf = ({ segments, channels = 1 }: Renderable): Cue[] =>
  segments.flatMap((segment) =>
    segmentCues(segment).map((cue) => ({ ...cue, channel: channels === 1 ? null : segment.channel })),
  );

/** A segment that is too long for one cue becomes several, cut between words. */
function segmentCues(segment: Segment): Omit<Cue, 'channel'>[] {
  const cues: Omit<Cue, 'channel'>[] = [];
  let pending: Token[] = [];
  const flush = (): void => {
    const [first, last] = [pending[0], pending.at(-1)];
    if (first === undefined || last === undefined) return;
    cues.push({ startMs: first.startMs, endMs: Math.max(last.endMs, first.startMs + 1), lines: linesOf(pending) });
    pending = [];
  };
  for (const token of tokensOf(segment)) {
    if (!fits([...pending, token])) flush();
    pending.push(token);
  }
  flush();
  return cues;
}

function fits(tokens: readonly Token[]): boolean {
  const lengthMs = (tokens.at(-1)?.endMs ?? 0) - (tokens[0]?.startMs ?? 0);
  return tokens.length === 1 || (lengthMs <= CUE_MS && linesOf(tokens).length <= LINES);
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
