/** Deletes a session from object storage and from Temporal, and says what was there. */
import { Context } from '@temporalio/activity';
import { objectKeys } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';
import type { EraseActivities, ObjectArgs } from '../workflows/erase/contract.ts';

/** What erasing needs of object storage. */
export interface ErasableObjects {
  list(prefix: string): AsyncIterable<{ readonly key: string }>;
  deleteEach(keys: readonly string[]): Promise<void>;
  deleteAll(prefix: string): Promise<void>;
}

/** One run of a workflow of the session: its own, those of its spans and versions, those of its webhooks. */
export interface Run {
  readonly workflowId: string;
  readonly runId: string;
  readonly isRunning: boolean;
  /** Of the session's own workflow. */
  readonly isOwn: boolean;
  /** When it began, in milliseconds since 1970. */
  readonly startMs: number;
  /** The upload that a file's session is made from. */
  readonly uploadId: string | null;
}

/** Histories, as Temporal keeps them (workers/histories.ts). */
export interface ErasableHistories {
  /** All runs of the session, the newest of its own included though no list may have it yet. */
  runs(ref: SessionRef): Promise<readonly Run[]>;
  /** The session's own workflow exists, running or ended; never out of date. */
  exists(ref: SessionRef): Promise<boolean>;
  /** Ends what runs of it: by its own cancel, or at once. */
  end(run: Run, how: 'cancel' | 'terminate'): Promise<void>;
  delete(run: Run): Promise<void>;
}

const BATCH = 500;

export function createErase(objects: ErasableObjects, histories: ErasableHistories): EraseActivities {
  return {
    async endSession({ ref, force }) {
      Context.current().heartbeat();
      const runs = await histories.runs(ref);
      const running = runs.filter(({ isRunning }) => isRunning);
      // Spans and versions end with the session they are of, in its own time.
      for (const run of running.filter(({ isOwn }) => isOwn || force)) {
        Context.current().heartbeat();
        await histories.end(run, force ? 'terminate' : 'cancel');
      }
      const uploadIds = new Set(runs.flatMap(({ uploadId }) => (uploadId === null ? [] : [uploadId])));
      return { running: running.length, uploadIds: [...uploadIds] };
    },
    async eraseObjects(args) {
      let found = 0;
      for (const prefix of prefixesOf(args)) {
        for await (const keys of batchesOf(objects.list(prefix))) {
          await objects.deleteEach(keys);
          found += keys.length;
        }
        // Folders too, whose names tell the id: nothing else is below, and the ended session still holds it.
        await objects.deleteAll(prefix);
      }
      return found;
    },
    async eraseHistories({ ref, endedMs }) {
      const runs = await histories.runs(ref);
      return deleteRuns(
        histories,
        runs.filter(({ startMs }) => startMs <= endedMs),
      );
    },
    async eraseStray(args) {
      const keys: string[] = [];
      for (const prefix of prefixesOf(args)) for await (const { key } of objects.list(prefix)) keys.push(key);
      const runs = await histories.runs(args.ref);
      // Asked after the listing: what was there before a new session was is not that session's.
      if (await histories.exists(args.ref)) return { isTaken: true, found: 0 };
      await objects.deleteEach(keys);
      // A run of a span that began as its session ended may have been in no list.
      const late = runs.filter(({ isOwn }) => !isOwn);
      return { isTaken: false, found: keys.length + (await deleteRuns(histories, late)) };
    },
  };
}

async function deleteRuns(histories: ErasableHistories, runs: readonly Run[]): Promise<number> {
  // The session's own go last: as long as one is there the id is taken.
  for (const run of [...runs].sort((a, b) => Number(a.isOwn) - Number(b.isOwn))) {
    Context.current().heartbeat();
    await histories.delete(run);
  }
  return runs.length;
}

const prefixesOf = ({ ref, uploadIds }: ObjectArgs): string[] => [
  objectKeys.session(ref),
  ...uploadIds.map((uploadId) => objectKeys.uploads(ref.tenant, uploadId)),
];

/** What is listed is deleted while it is listed: a session of days has thousands of objects. */
async function* batchesOf(listed: AsyncIterable<{ readonly key: string }>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  for await (const { key } of listed) {
    batch.push(key);
    if (batch.length < BATCH) continue;
    Context.current().heartbeat();
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
