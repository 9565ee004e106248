/**
 * The shape in which OpenAI's transcription API answers `response_format=verbose_json`. Times are in seconds. Fields that
 * tell of Whisper's decoder (`seek`, `tokens`, `temperature`, `avg_logprob`, `compression_ratio`, `no_speech_prob`) are
 * there and null: our models have no such figures, and none are made up. `channel` and `timing` are ours.
 */
import type { Segment, TranscriptDocument } from '../contract.ts';

export interface VerboseWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  readonly channel: number;
}

export interface VerboseSegment {
  /** Place in the transcript, from 0. */
  readonly id: number;
  readonly seek: null;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokens: null;
  readonly temperature: null;
  readonly avg_logprob: null;
  readonly compression_ratio: null;
  readonly no_speech_prob: null;
  readonly channel: number;
  /** Whether the words' times come from the model or are spread over the voiced stretch. */
  readonly timing: Segment['timing'];
}

export interface VerboseTranscript {
  readonly task: 'transcribe';
  readonly language: string;
  readonly duration: number;
  readonly text: string;
  readonly segments: readonly VerboseSegment[];
  readonly words: readonly VerboseWord[];
}

const seconds = (ms: number): number => Math.round(ms) / 1000;

export function verboseTranscript(
  document: Pick<TranscriptDocument, 'language' | 'audioMs' | 'text' | 'segments'>,
): VerboseTranscript {
  const { language, audioMs, text, segments } = document;
  return {
    task: 'transcribe',
    language,
    duration: seconds(audioMs),
    text,
    segments: segments.map(verboseSegment),
    words: segments.flatMap(verboseWords),
  };
}

const verboseSegment = ({ startMs, endMs, text, channel, timing }: Segment, id: number): VerboseSegment => ({
  id,
  seek: null,
  start: seconds(startMs),
  end: seconds(endMs),
  text,
  tokens: null,
  temperature: null,
  avg_logprob: null,
  compression_ratio: null,
  no_speech_prob: null,
  channel,
  timing,
});

const verboseWords = ({ words, channel }: Segment): VerboseWord[] =>
  words.map(({ text, startMs, endMs }) => ({ word: text, start: seconds(startMs), end: seconds(endMs), channel }));
