/** Batches: many files in one request. Plain JSON: it lives in a workflow's history. */
import type { ChannelMode, PriorityClass, SessionBounds, SessionRef, SessionResult } from '../contract.ts';
import type { WebhookTarget } from '../webhook/contract.ts';

export const batchWorkflowId = ({ tenant, id }: SessionRef): string => `batch/${tenant}/${id}`;

/** Query: a {@link BatchView}. */
export const BATCH_QUERY = 'batch';
/** Query with (from, limit): {@link BatchItemView}s. */
export const BATCH_ITEMS_QUERY = 'items';
/** Signal: nothing more is begun, and what runs is cancelled. */
export const CANCEL_BATCH = 'cancelBatch';

/** One file of a batch; its session is a workflow of its own. */
export interface BatchItem {
  /** Id of its session. */
  readonly session: string;
  /** As the client named it; shown, never used as a path. */
  readonly fileName: string;
  readonly model: string;
  readonly language: string;
  readonly priority: PriorityClass;
  /** Each `key:value`; absent: none. */
  readonly labels?: readonly string[];
  /** Absent: they are mixed. */
  readonly channels?: ChannelMode;
  readonly uploadId: string;
  readonly uploadBytes: number;
  /** The file is to be fetched from there. */
  readonly sourceUrl?: string;
  readonly webhook?: WebhookTarget;
}

export interface BatchInput {
  readonly ref: SessionRef;
  readonly items: readonly BatchItem[];
  /** Files under way at a time. */
  readonly sideBySide: number;
  /** Continue as new once the history holds so many events. */
  readonly rotateAfterEvents: number;
  readonly weight: number;
  readonly bounds: SessionBounds;
}

export type BatchItemState = 'waiting' | 'running' | SessionResult['state'];

/** What became of an item; in the order of the items. */
export interface BatchItemProgress {
  readonly state: BatchItemState;
  /** A row of the table of failures; null unless it failed. */
  readonly reason: string | null;
  /** Safe to show to the client. */
  readonly detail: string | null;
  /** Length of its audio, once it has ended. */
  readonly audioMs: number;
  /** The session of that name is one that the batch has begun. */
  readonly isBegun?: boolean;
}

export interface BatchItemView extends BatchItemProgress {
  readonly index: number;
  readonly session: string;
  readonly fileName: string;
  readonly uploadId: string;
}

export interface BatchView {
  readonly state: 'running' | 'completed' | 'cancelled';
  readonly counts: Readonly<Record<BatchItemState, number>>;
  readonly total: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
}

/** Carried through continue-as-new. */
export interface BatchState {
  readonly items: readonly BatchItemProgress[];
  readonly startedAtMs: number;
  readonly isCancelled: boolean;
}

/** Memo of a batch's workflow, for lists. */
export interface BatchMemo {
  readonly name: string;
  readonly items: number;
}
