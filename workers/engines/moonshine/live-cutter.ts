import { type Cut, type Cutter, MAX_SAMPLES, type Quietest, SETTLE_MARGIN } from './cutter.ts';
import { ONSET_LAG, RATE, VAD_LAG } from './voice.ts';

const PRE_ROLL = 0.25 * RATE;
/** Audio after the end of speech that is recognised with it. */
const POST_ROLL = VAD_LAG;
const PARTIAL_EVERY = 0.5 * RATE;
/** Silence after which the utterance is recognised in case it is over (less what the VAD lags). */
const SPECULATE_AFTER = 0.2 * RATE - VAD_LAG;
/** Silence that ends an utterance (less what the VAD lags). */
const FINAL_AFTER = 0.5 * RATE - VAD_LAG;
/** An utterance that grows too long is cut after at least so much of it. */
const CUT_AFTER = 5 * RATE;

interface Utterance {
  from: number;
  /** End of the audio of the latest partial. */
  partialTo: number;
  /** The end of speech for which a speculation was handed out. */
  speculated: number;
}

/**
 * Cuts live speech at pauses: a partial each 500 ms, a speculation at 200 ms of silence that is the final at 500 ms if
 * nothing more was said, and a forced final when an utterance reaches the model's longest window.
 */
export class LiveCutter implements Cutter {
  private readonly quietest: Quietest;
  private utterance: Utterance | null = null;
  private done: number;
  private end: number;
  private lastVoiced: number;

  constructor(from: number, quietest: Quietest) {
    this.done = this.end = this.lastVoiced = from;
    this.quietest = quietest;
  }

  get settled(): number {
    return this.utterance?.from ?? Math.max(this.done, this.end - SETTLE_MARGIN);
  }

  window(end: number, voiced: boolean): Cut | null {
    this.end = end;
    if (voiced) this.hear(end);
    const utterance = this.utterance;
    if (utterance === null) return null;
    const silence = end - this.lastVoiced;
    if (silence >= FINAL_AFTER) return this.flush(end);
    // A short pause is a better place to cut than the quietest one in running speech.
    if (end - utterance.from >= MAX_SAMPLES) return silence > 0 ? this.flush(end) : this.cutShort(utterance, end);
    if (silence >= SPECULATE_AFTER) return this.speculate(utterance, end);
    return voiced ? this.partial(utterance, end) : null;
  }

  flush(end: number): Cut | null {
    this.end = end;
    if (this.utterance === null) return null;
    const { from } = this.utterance;
    this.utterance = null;
    this.done = this.speechEnd(end);
    return { kind: 'final', from, to: this.done };
  }

  private hear(end: number): void {
    this.lastVoiced = end;
    if (this.utterance !== null) return;
    const from = Math.max(this.done, end - ONSET_LAG - PRE_ROLL);
    this.utterance = { from, partialTo: from, speculated: -1 };
  }

  private speechEnd(end: number): number {
    return Math.min(end, this.lastVoiced + POST_ROLL);
  }

  private cutShort(utterance: Utterance, end: number): Cut {
    const { from } = utterance;
    const to = this.quietest(from + CUT_AFTER, end);
    this.done = utterance.from = to;
    utterance.partialTo = end;
    return { kind: 'final', from, to };
  }

  private speculate(utterance: Utterance, end: number): Cut | null {
    if (utterance.speculated === this.lastVoiced) return null;
    utterance.speculated = this.lastVoiced;
    return { kind: 'speculation', from: utterance.from, to: this.speechEnd(end) };
  }

  private partial(utterance: Utterance, end: number): Cut | null {
    if (end - utterance.partialTo < PARTIAL_EVERY) return null;
    utterance.partialTo = end;
    return { kind: 'partial', from: utterance.from, to: end };
  }
}
