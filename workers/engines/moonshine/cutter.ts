import { RATE, WINDOW } from './voice.ts';

/** A stretch of samples [from, to) to be recognised. */
export interface Cut {
  /** `final` becomes a segment; the text of the other two may still change. */
  readonly kind: 'partial' | 'speculation' | 'final';
  readonly from: number;
  readonly to: number;
}

/**
 * Decides from the VAD's word on each window what is recognised and when. Pure: samples are counted from the start of
 * the session's audio, time is counted in samples.
 */
export interface Cutter {
  /** The window that ends at sample `end` has or has not speech in it. */
  window(end: number, voiced: boolean): Cut | null;
  /** Ends what is under way at sample `end`. */
  flush(end: number): Cut | null;
  /** All speech before this sample is in finals that were handed out. Never goes back. */
  readonly settled: number;
}

/** Middle of the quietest 40 ms between two samples. */
export type Quietest = (from: number, to: number) => number;

/**
 * 8.8 s: above 148,160 samples (9.26 s, {@link PADDING} included) Moonshine tiny answers with empty text. A window is
 * taken off since the length is seen only at the end of one.
 */
export const MAX_SAMPLES = 8.8 * RATE - WINDOW;

/** 200 ms of zeros after each stretch: Moonshine repeats itself on speech that ends abruptly. */
export const PADDING = RATE / 5;

/** 500 ms: in silence the audio before this much is settled. Longer than any lag plus pre-roll of a speech to come. */
export const SETTLE_MARGIN = RATE / 2;
