/** Deletes a batch with its sessions, and says what was there. */
import { Context } from '@temporalio/activity';
import type { BatchItemView } from '../workflows/batch/contract.ts';
import { objectKeys } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';
import type { EraseBatchActivities } from '../workflows/erase/contract.ts';
import type { ErasableObjects } from './erase.ts';
import { sideBySide } from './transcript.ts';

/** Batches and sessions, as Temporal keeps them (workers/batch-histories.ts). */
export interface ErasableBatches {
  /** Null: it is deleted. */
  find(ref: SessionRef): Promise<{ readonly isRunning: boolean; readonly items: number } | null>;
  end(ref: SessionRef, how: 'cancel' | 'terminate'): Promise<void>;
  items(ref: SessionRef, from: number, limit: number): Promise<readonly BatchItemView[]>;
  /** Deletes its runs; answers how many there were. */
  delete(ref: SessionRef): Promise<number>;
  /** The upload that a session is made from; null: it is made from none; undefined: there is no such session. */
  uploadOf(session: SessionRef): Promise<string | null | undefined>;
  /** Deletes everything of a session, whatever happens to this process; waits for that, but not for longer. */
  eraseSession(session: SessionRef, waitMs: number): Promise<unknown>;
}

/** Sessions that are deleted side by side. */
const SIDE_BY_SIDE = 8;
/** What takes longer is looked at again. */
const WAIT_MS = 10_000;

export function createEraseBatch(objects: ErasableObjects, batches: ErasableBatches): EraseBatchActivities {
  return {
    async endBatch({ ref, force }) {
      const found = await batches.find(ref);
      if (found === null) return { isRunning: false, items: 0 };
      if (found.isRunning) await batches.end(ref, force ? 'terminate' : 'cancel');
      return found;
    },
    async eraseItems({ ref, from, limit }) {
      const items = await batches.items(ref, from, limit);
      const erasing = items.map((item) => () => {
        Context.current().heartbeat();
        return eraseItem(objects, batches, ref.tenant, item);
      });
      return (await sideBySide(erasing, SIDE_BY_SIDE)).filter((wasThere) => wasThere).length;
    },
    eraseBatchHistories: ({ ref }) => batches.delete(ref),
  };
}

/** Answers whether there was anything of it. */
async function eraseItem(
  objects: ErasableObjects,
  batches: ErasableBatches,
  tenant: string,
  { session: id, uploadId, reason, isBegun = false }: BatchItemView,
): Promise<boolean> {
  // Its name was another session's already, whose upload this may be.
  if (reason === 'session_exists') return false;
  const session = { tenant, id };
  const upload = await batches.uploadOf(session);
  // By its name alone it may be another one, begun after this one was deleted or instead of it.
  const isThere =
    upload === undefined ? isBegun && (await holds(objects, objectKeys.session(session))) : upload === uploadId;
  if (isThere) await batches.eraseSession(session, WAIT_MS);
  const uploads = objectKeys.uploads(tenant, uploadId);
  const hasUpload = await holds(objects, uploads);
  if (hasUpload) await objects.deleteAll(uploads);
  return isThere || hasUpload;
}

async function holds(objects: ErasableObjects, prefix: string): Promise<boolean> {
  for await (const { key } of objects.list(prefix)) return key !== '';
  return false;
}
