import { ONSET_LAG, RATE, VAD_LAG } from './voice.ts';

/** Samples [from, to) in which there is speech. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** Remembers where speech was, from the VAD's word on each window. */
export class VoicedSpans {
  private spans: Span[] = [];
  private from: number | null = null;
  private lastVoiced = 0;

  window(end: number, voiced: boolean): void {
    if (voiced) {
      this.from ??= end - ONSET_LAG;
      this.lastVoiced = end;
    } else if (this.from !== null) {
      this.spans.push({ from: this.from, to: this.lastVoiced - VAD_LAG });
      this.from = null;
    }
  }

  /** The speech within [from, to), in order; the whole stretch when there is none. */
  within(from: number, to: number): readonly Span[] {
    const inside = this.inside(from, to);
    return inside.length > 0 ? inside : [{ from, to }];
  }

  /** How many samples of [from, to) are speech. */
  voiced(from: number, to: number): number {
    return this.inside(from, to).reduce((sum, span) => sum + span.to - span.from, 0);
  }

  private inside(from: number, to: number): Span[] {
    const all = this.from === null ? this.spans : [...this.spans, { from: this.from, to }];
    return all
      .map((span) => ({ from: Math.max(from, span.from), to: Math.min(to, span.to) }))
      .filter((span) => span.to > span.from);
  }

  forget(before: number): void {
    if ((this.spans[0]?.to ?? before) < before) this.spans = this.spans.filter((span) => span.to >= before);
  }
}

interface TimedWord {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * Spreads words over the voiced spans, each as long as its share of the letters (Moonshine gives no times; the median
 * error of a boundary is 144 ms). Times do not go backwards and lie within the spans.
 */
export function spreadWords(text: string, spans: readonly Span[]): TimedWord[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const letters = words.reduce((sum, word) => sum + weight(word), 0);
  const voiced = spans.reduce((sum, span) => sum + span.to - span.from, 0);
  let before = 0;
  return words.map((word) => {
    const start = (before / letters) * voiced;
    before += weight(word);
    const end = (before / letters) * voiced;
    return { text: word, startMs: toMs(placeOf(start, spans, 'start')), endMs: toMs(placeOf(end, spans, 'end')) };
  });
}

/** A word takes time for its letters and digits and a little for itself. */
const weight = (word: string): number => word.replace(/[^\p{L}\p{N}]/gu, '').length + 1;

const toMs = (sample: number): number => Math.round((sample * 1000) / RATE);

/** The sample at which `voiced` samples of speech have passed; between two spans a start belongs to the later one. */
function placeOf(voiced: number, spans: readonly Span[], edge: 'start' | 'end'): number {
  let left = voiced;
  let place = 0;
  for (const span of spans) {
    const length = span.to - span.from;
    place = Math.min(span.to, span.from + left);
    if (left < length || (edge === 'end' && left === length)) return place;
    left -= length;
  }
  return place;
}
