import { type Cut, type Cutter, MAX_SAMPLES, type Quietest, SETTLE_MARGIN } from './cutter.ts';
import { ONSET_LAG, RATE, VAD_LAG } from './voice.ts';

/** Audio on both sides of a piece of speech that is recognised with it. */
const ROLL = 0.15 * RATE;
/** Silence that ends a piece of speech (less what the VAD lags). */
const PIECE_AFTER = 0.25 * RATE - VAD_LAG;
/** Silence over which nothing is packed together. */
const PACK_OVER = 2 * RATE;

/**
 * Packs pieces of speech into windows as long as the model takes, since Moonshine errs three times as often on short
 * ones (foundations, section 2). A window is handed out once the next piece does not fit in, or after long silence.
 */
export class FileCutter implements Cutter {
  private readonly quietest: Quietest;
  /** Pieces that are complete, packed. */
  private packed: { readonly from: number; readonly to: number } | null = null;
  /** Where the piece under way begins. */
  private piece: number | null = null;
  private done: number;
  private end: number;
  private lastVoiced: number;

  constructor(from: number, quietest: Quietest) {
    this.done = this.end = this.lastVoiced = from;
    this.quietest = quietest;
  }

  get settled(): number {
    return this.packed?.from ?? this.piece ?? Math.max(this.done, this.end - SETTLE_MARGIN);
  }

  window(end: number, voiced: boolean): Cut | null {
    this.end = end;
    if (voiced) this.hear(end);
    if (this.piece !== null) {
      if (end - this.lastVoiced >= PIECE_AFTER) this.endPiece(end);
      else if (end - (this.packed?.from ?? this.piece) >= MAX_SAMPLES) return this.handOutFull(end);
    }
    return this.piece === null && end - this.lastVoiced > PACK_OVER ? this.handOutPacked() : null;
  }

  flush(end: number): Cut | null {
    this.end = end;
    if (this.piece !== null) this.endPiece(end);
    return this.handOutPacked();
  }

  private hear(end: number): void {
    this.lastVoiced = end;
    this.piece ??= Math.max(this.packed?.to ?? this.done, end - ONSET_LAG - ROLL);
  }

  private endPiece(end: number): void {
    const from = this.packed?.from ?? this.piece ?? end;
    this.packed = { from, to: Math.min(end, this.lastVoiced - VAD_LAG + ROLL) };
    this.piece = null;
  }

  private handOutPacked(): Cut | null {
    if (this.packed === null) return null;
    const { from, to } = this.packed;
    this.packed = null;
    this.done = to;
    return { kind: 'final', from, to };
  }

  /** No more fits in: what is packed goes out, or else the first part of a piece that is too long by itself. */
  private handOutFull(end: number): Cut | null {
    const packed = this.handOutPacked();
    if (packed !== null || this.piece === null) return packed;
    if (end > this.lastVoiced) {
      this.endPiece(end);
      return this.handOutPacked();
    }
    const from = this.piece;
    this.done = this.piece = this.quietest(from + Math.floor(MAX_SAMPLES * 0.6), end);
    return { kind: 'final', from, to: this.done };
  }
}
