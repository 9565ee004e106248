import type { RecogniserEvent } from '../engine.ts';
import type { ModelFiles } from './sherpa.ts';

/** What the recognition thread is started with. */
export interface ThreadData extends ModelFiles {
  readonly threads: number;
}

/** Process → thread. `id` names a recogniser; messages of one are handled in order. */
export type ToThread =
  | { readonly type: 'open'; readonly id: number; readonly fromByte: number; readonly mode: 'live' | 'file' }
  /** An even number of bytes. */
  | { readonly type: 'audio'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly type: 'finalize' | 'finish' | 'close'; readonly id: number }
  /** Ends the thread after the decode that is under way. */
  | { readonly type: 'end' };

/** Thread → process. */
export type FromThread =
  { readonly type: 'ready' } | { readonly type: 'event'; readonly id: number; readonly event: RecogniserEvent };
