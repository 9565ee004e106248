import type { Segment } from './contract.ts';

/**
 * The audio plane: what gateway and worker say to each other over the WebSocket that the worker dials.
 *
 * The worker dials `<gateway>/internal/audio?<AudioDial as query>`. The gateway sends the audio log from `fromByte` on,
 * without gap or overlap, as binary frames; control goes as text frames of JSON, both ways.
 */

export const AUDIO_PLANE_PATH = '/internal/audio';
/**
 * Where the log of a channel other than 0 is dialled for: a gateway of an earlier version, which knows of none, has nothing
 * there, and cannot send another channel's audio instead.
 */
export const CHANNEL_PLANE_PATH = '/internal/audio/channel';

/** Query parameters of the dial; numbers in decimal. `toByte` is absent for live audio. */
export interface AudioDial {
  readonly workflowId: string;
  readonly tenant: string;
  readonly session: string;
  readonly workerId: string;
  readonly epoch: number;
  /** First byte of the audio log to send. */
  readonly fromByte: number;
  readonly toByte: number | null;
  /** Segments that are committed so far: the gateway gives its client what it has missed. */
  readonly nextIndex: number;
  /** No more audio is taken: the log is sealed where it ends, and `end` follows. */
  readonly drain: boolean;
  /** Whose audio log; absent: 0. Any other is dialled for at {@link CHANNEL_PLANE_PATH}. */
  readonly channel?: number;
}

/** Gateway → worker. */
export type ToWorker =
  /** All audio has been sent; the log ends at `bytes`. */
  | { readonly type: 'end'; readonly bytes: number }
  /** Make finals of what there is now. */
  | { readonly type: 'finalize' }
  /** The client is away, or `quiet`, that is, there but sending nothing: recognise what came, commit, and end the stream. */
  | { readonly type: 'pause'; readonly quiet?: boolean };

/** Worker → gateway. */
export type FromWorker =
  | PartialMessage
  /** Committed segments, in order. */
  | { readonly type: 'final'; readonly segments: readonly Segment[] }
  /**
   * The recogniser has taken in the audio log up to `bytes`; at least four times a second, in silence too. What was said
   * before `settled` is committed and told.
   */
  | { readonly type: 'consumed'; readonly bytes: number; readonly settled?: number };

/** A hypothesis for [startMs, endMs) that may still change. */
export interface PartialMessage {
  readonly type: 'partial';
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly channel: number;
}

/** Close codes of the audio plane. */
export const PLANE_CLOSE = {
  /** The stream has ended as it should. */
  done: 1000,
  /** The gateway goes away: dial again. */
  goingAway: 1001,
  /** A newer epoch exists, or the session is over: the lease is void. */
  fenced: 4410,
  /** The session is served by another gateway now. */
  moved: 4411,
  /** The worker dials the same gateway again; nothing is lost. */
  redial: 4413,
  /** The dial carries a wrong or no key, or makes no sense. */
  refused: 4401,
  /** Stored audio is not what was written: the session cannot go on. */
  damaged: 4414,
  /** The worker's lease is void or its recogniser failed. */
  leaseEnded: 4412,
} as const;
