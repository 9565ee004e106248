/**
 * A transcript as `verbose_json`: the shape that Whisper's tools and OpenAI's API made common. Times in seconds. Pure.
 * https://platform.openai.com/docs/api-reference/audio/verbose-json-object
 */
import type { Segment, TranscriptDocument } from './contract.ts';

interface VerboseSegment {
  readonly id: number;
  readonly seek: number;
  readonly start: number;
  readonly end: number;
  /** Begins with a space, as Whisper's do: joined without anything between them they are the text. */
  readonly text: string;
  readonly tokens: readonly number[];
  readonly temperature: number;
  /** Mean logarithm of the words' confidences; 0 where the model gives none. */
  readonly avg_logprob: number;
  readonly compression_ratio: number;
  readonly no_speech_prob: number;
}

interface VerboseWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

export interface VerboseJson {
  readonly task: 'transcribe';
  /** The language's English name, in small letters. */
  readonly language: string;
  readonly duration: number;
  readonly text: string;
  readonly segments?: readonly VerboseSegment[];
  readonly words?: readonly VerboseWord[];
  readonly usage: DurationUsage;
  readonly holes?: readonly { readonly start: number; readonly end: number }[];
}

export interface DurationUsage {
  readonly type: 'duration';
  /** Whole seconds, rounded up. */
  readonly seconds: number;
}

const seconds = (ms: number): number => Math.round(ms) / 1000;

export const durationUsage = ({ audioMs }: Pick<TranscriptDocument, 'audioMs'>): DurationUsage => ({
  type: 'duration',
  seconds: Math.ceil(audioMs / 1000),
});

/** Stretches without text, where there are any: extra to the common shape, so that a gap is not passed over in silence. */
export const holesInSeconds = ({ holes = [] }: Pick<TranscriptDocument, 'holes'>): Pick<VerboseJson, 'holes'> =>
  holes.length === 0
    ? {}
    : { holes: holes.map(({ startMs, endMs }) => ({ start: seconds(startMs), end: seconds(endMs) })) };

/** @param parts which of segments and words are told */
export function verboseJson(document: TranscriptDocument, parts: readonly ('segment' | 'word')[]): VerboseJson {
  const { segments, text, language, audioMs } = document;
  return {
    task: 'transcribe',
    language: languageName(language),
    duration: seconds(audioMs),
    text,
    ...(parts.includes('segment') ? { segments: segments.map(verboseSegment) } : {}),
    ...(parts.includes('word') ? { words: segments.flatMap(verboseWords) } : {}),
    usage: durationUsage(document),
    ...holesInSeconds(document),
  };
}

/** Whisper's own measures of doubt are neutral here: no engine gives them. */
const verboseSegment = (segment: Segment, id: number): VerboseSegment => ({
  id,
  seek: 0,
  start: seconds(segment.startMs),
  end: seconds(segment.endMs),
  text: ` ${segment.text}`,
  tokens: [],
  temperature: 0,
  avg_logprob: meanLogarithm(segment),
  compression_ratio: 1,
  no_speech_prob: 0,
});

function meanLogarithm({ words }: Segment): number {
  const known = words.flatMap(({ confidence }) =>
    confidence === undefined ? [] : [Math.log(Math.max(confidence, 1e-9))],
  );
  return known.length === 0 ? 0 : known.reduce((sum, one) => sum + one, 0) / known.length;
}

const verboseWords = ({ words }: Segment): VerboseWord[] =>
  words.map(({ text, startMs, endMs }) => ({ word: text, start: seconds(startMs), end: seconds(endMs) }));

/** `en` → `english`; a code that has no name stands for itself. */
function languageName(code: string): string {
  try {
    return (new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code).toLowerCase();
  } catch {
    return code;
  }
}
