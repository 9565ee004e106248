/**
 * `verbose_json` as OpenAI's clients are typed for it: every field of Whisper's decoder is a number, where the native format
 * says null. https://platform.openai.com/docs/api-reference/audio/verbose-json-object
 */
import type { Segment, TranscriptDocument } from '../../../workflows/contract.ts';
import { verboseTranscript } from '../../../workflows/render/verbose-json.ts';
import type { Granularity } from './parameters.ts';

interface Usage {
  readonly type: 'duration';
  /** Whole seconds, rounded up. */
  readonly seconds: number;
}

export const durationUsage = ({ audioMs }: Pick<TranscriptDocument, 'audioMs'>): Usage => ({
  type: 'duration',
  seconds: Math.ceil(audioMs / 1000),
});

/** Stretches without text, where there are any: extra to OpenAI's shape, so that a gap is not passed over in silence. */
export const holesInSeconds = ({ holes = [] }: Pick<TranscriptDocument, 'holes'>): object =>
  holes.length === 0
    ? {}
    : { holes: holes.map(({ startMs, endMs }) => ({ start: startMs / 1000, end: endMs / 1000 })) };

/** Whisper's own measures of doubt, for which no engine here has a figure. */
const NEUTRAL = { seek: 0, tokens: [], temperature: 0, compression_ratio: 1, no_speech_prob: 0 };

/** @param parts which of segments and words are told */
export function verboseJson(document: TranscriptDocument, parts: readonly Granularity[]): object {
  const { segments, words, language, ...verbose } = verboseTranscript(document);
  // Whisper's texts begin with a space: joined without anything between them they are the text.
  const asWhispers = segments.map((segment, at) => ({
    ...segment,
    ...NEUTRAL,
    text: ` ${segment.text}`,
    avg_logprob: meanLogarithm(document.segments[at]),
  }));
  return {
    ...verbose,
    language: languageName(language),
    ...(parts.includes('segment') ? { segments: asWhispers } : {}),
    ...(parts.includes('word') ? { words } : {}),
    usage: durationUsage(document),
    ...holesInSeconds(document),
  };
}

/** Of the words' confidences; 0 where the model gives none. */
function meanLogarithm(segment: Segment | undefined): number {
  const known = (segment?.words ?? []).flatMap(({ confidence }) =>
    confidence === undefined ? [] : [Math.log(Math.max(confidence, 1e-9))],
  );
  return known.length === 0 ? 0 : known.reduce((sum, one) => sum + one, 0) / known.length;
}

/** `en` → `english`; a code that has no name stands for itself. */
function languageName(code: string): string {
  try {
    return (new Intl.DisplayNames(['en'], { type: 'language' }).of(code) ?? code).toLowerCase();
  } catch {
    return code;
  }
}
