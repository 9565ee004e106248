/** Deleting everything of a session: names and payloads. Nothing of what was said is in any of it. */
import type { SessionRef } from '../contract.ts';

/** One session is deleted by one workflow; it outlives the session by what its history holds: the id, and when. */
export const eraseWorkflowId = ({ tenant, id }: SessionRef): string => `erase/${tenant}/${id}`;

/** Signal: not later, now. */
export const ERASE_NOW = 'eraseNow';
/** Update: answers once nothing of the session is left. */
export const ERASED = 'erased';

/** A batch is deleted by one workflow, and each of its sessions by its own. */
export const eraseBatchWorkflowId = ({ tenant, id }: SessionRef): string => `erase-batch/${tenant}/${id}`;

export interface EraseInput {
  readonly ref: SessionRef;
  /** When it is to be deleted, in milliseconds since 1970; what lies behind means now. */
  readonly dueMs: number;
  /** When the session ended; absent: it was asked for, and does not hang on what is set. */
  readonly closedMs?: number;
}

export interface RefArgs {
  readonly ref: SessionRef;
}

/** Answer of `endSession`. */
export interface SessionEnds {
  /** Workflows of the session that still run. */
  readonly running: number;
  /** Uploads that it was made from. */
  readonly uploadIds: readonly string[];
}

export interface HistoriesArgs extends RefArgs {
  /** Runs that began later are of a new session of the same id, and none of ours; in milliseconds since 1970. */
  readonly endedMs: number;
}

export interface EndArgs extends RefArgs {
  /** What does not end by itself is terminated. */
  readonly force: boolean;
}

export interface ObjectArgs extends RefArgs {
  readonly uploadIds: readonly string[];
}

/** Control activities. Each may run again at any time, and says what it has found. */
export interface EraseActivities {
  /** Cancels what runs of the session, and says what is left of that. */
  endSession(args: EndArgs): Promise<SessionEnds>;
  /** Deletes all objects of the session; answers how many there were. */
  eraseObjects(args: ObjectArgs): Promise<number>;
  /** Deletes all histories of the session; answers how many there were. */
  eraseHistories(args: HistoriesArgs): Promise<number>;
  /** Deletes objects that came late, unless the id has a session again; answers whether it has. */
  eraseStray(args: ObjectArgs): Promise<{ readonly isTaken: boolean; readonly found: number }>;
}

export interface EraseBatchInput {
  readonly ref: SessionRef;
}

/** Items [from, from + limit) of a batch. */
export interface EraseItemsArgs extends RefArgs {
  readonly from: number;
  readonly limit: number;
}

/** Control activities. Each may run again at any time, and says what it has found. */
export interface EraseBatchActivities {
  /** Cancels the batch; `items`: how many it has, none once it is deleted. */
  endBatch(args: EndArgs): Promise<{ readonly isRunning: boolean; readonly items: number }>;
  /** Deletes the sessions and uploads of items; answers of how many items something was left. */
  eraseItems(args: EraseItemsArgs): Promise<number>;
  /** Deletes all histories of the batch's own; answers how many there were. */
  eraseBatchHistories(args: RefArgs): Promise<number>;
}
