/**
 * The port between a worker and a speech recogniser. One engine per worker process, one recogniser per lease.
 *
 * Offsets are bytes in the session's audio log (16 kHz mono s16le, even). A recogniser starts at `fromByte`, takes in
 * the bytes in order and accounts for them: every final says the stretch it covers, stretches neither overlap nor go
 * backwards, and a new recogniser started at a final's `endByte` continues without losing or repeating a word.
 */
export interface Engine {
  /** Opens a recogniser. Events come asynchronously, in order, never from inside a call of the recogniser. */
  open(options: RecogniserOptions, onEvent: (event: RecogniserEvent) => void): Recogniser;
  /** Ends the engine; open recognisers are dropped. */
  close(): Promise<void>;
}

export interface RecogniserOptions {
  /** First byte of the audio log that will be given. */
  readonly fromByte: number;
  /** `live`: quick end-pointing, partials. `file`: no partials, windows packed for accuracy. */
  readonly mode: 'live' | 'file';
  readonly language: string;
}

export interface Recogniser {
  /** Takes the next bytes of the log; an odd byte is carried over to the next call. Never blocks on recognition. */
  accept(audio: Uint8Array): void;
  /** Makes a final of the speech taken in so far, without waiting for a pause. */
  finalize(): void;
  /** No more audio comes: remaining finals follow, then `finished`. */
  finish(): void;
  /** Drops the recogniser; no event follows. */
  close(): void;
}

export type RecogniserEvent =
  | {
      readonly type: 'partial';
      readonly text: string;
      readonly startMs: number;
      readonly endMs: number;
    }
  | ({ readonly type: 'final' } & FinalResult)
  /** There is speech in [startByte, endByte) of which no text could be made: it is transcribed again, alone, at the end. */
  | { readonly type: 'unheard'; readonly startByte: number; readonly endByte: number }
  /**
   * The recogniser has taken in all bytes before `consumedByte`, and no speech before `settledByte` is outstanding: a new
   * recogniser may start there. Sent at least five times a second, by the recogniser itself, in silence too: when these
   * stop, the engine hangs.
   */
  | { readonly type: 'progress'; readonly consumedByte: number; readonly settledByte: number }
  | { readonly type: 'finished' }
  /** The recogniser cannot go on; no event follows. */
  | { readonly type: 'failed'; readonly detail: string };

export interface FinalResult {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly words: readonly { text: string; startMs: number; endMs: number; confidence?: number }[];
  readonly timing: 'model' | 'estimated';
  readonly startByte: number;
  readonly endByte: number;
}
