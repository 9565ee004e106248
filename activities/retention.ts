/** What has been kept for long enough: sessions that have ended, uploads that nobody came for. */
import { Context } from '@temporalio/activity';
import { objectKeys } from '../workflows/contract.ts';
import type { SessionRef } from '../workflows/contract.ts';
import type { RetentionActivities } from '../workflows/retention/contract.ts';
import { uploadBegunMs } from '../workflows/uploads.ts';

export interface RetentionPorts {
  /** As it is set; milliseconds, 0: for ever. */
  readonly retentionOf: (tenant: string) => number;
  /** Some tenant's sessions are not kept for ever. */
  readonly isLimited: boolean;
  readonly uploadTtlMs: number;
  readonly everyMs: number;
  readonly nowMs: () => number;
  readonly ended: {
    /** Sessions that ended since then. */
    since(ms: number): AsyncIterable<{ readonly ref: SessionRef; readonly closedMs: number }>;
    /** Deletes the session then; one that has a deletion already keeps it. */
    eraseAt(ref: SessionRef, closedMs: number, dueMs: number): Promise<void>;
  };
  readonly uploads: {
    list(prefix: string): AsyncIterable<{ readonly key: string }>;
    get(key: string): Promise<Uint8Array | null>;
    deleteAll(prefix: string): Promise<void>;
    /** A session, or a batch that has not come to it, needs the upload. @param session that it was given to, or null */
    isInUse(tenant: string, uploadId: string, session: string | null): Promise<boolean>;
    /** Lets go of parts that the store holds of it. */
    abort(key: string, multipartId: string): Promise<void>;
  };
}

/** A list of Temporal's may be a second old, and clocks differ: the last minute is looked at again. */
const OVERLAP_MS = 60_000;
/** An upload whose time is over cannot be used any more, and what was asked for in its last moment has begun by then. */
const SLACK_MS = 60_000;

export function createRetention(ports: RetentionPorts): RetentionActivities {
  return {
    retentionOf: (tenant) => Promise.resolve(ports.retentionOf(tenant)),
    async sweep({ sinceMs }) {
      const throughMs = ports.nowMs();
      if (ports.isLimited) await scheduleErasures(ports, sinceMs - OVERLAP_MS);
      await removeAbandoned(ports);
      return { throughMs: ports.isLimited ? throughMs : sinceMs, againInMs: ports.everyMs };
    },
  };
}

async function scheduleErasures({ ended, retentionOf }: RetentionPorts, sinceMs: number): Promise<void> {
  for await (const { ref, closedMs } of ended.since(sinceMs)) {
    Context.current().heartbeat();
    const keepMs = retentionOf(ref.tenant);
    if (keepMs > 0) await ended.eraseAt(ref, closedMs, closedMs + keepMs);
  }
}

async function removeAbandoned(ports: RetentionPorts): Promise<void> {
  const { uploads } = ports;
  for (const [tenant, uploadId] of await oldUploads(ports)) {
    Context.current().heartbeat();
    const owner = await uploads.get(objectKeys.uploadClaim(tenant, uploadId));
    const session = owner === null ? null : Buffer.from(owner).toString('utf8');
    if (await uploads.isInUse(tenant, uploadId, session)) continue;
    const multipartId = await multipartOf(ports, tenant, uploadId);
    if (multipartId !== null) await uploads.abort(objectKeys.upload(tenant, uploadId), multipartId);
    await uploads.deleteAll(objectKeys.uploads(tenant, uploadId));
  }
}

async function oldUploads({ uploads, uploadTtlMs, nowMs }: RetentionPorts): Promise<[tenant: string, id: string][]> {
  const found = new Map<string, [string, string]>();
  for await (const { key } of uploads.list('uploads/')) {
    Context.current().heartbeat();
    const [, tenant = '', id = ''] = key.split('/');
    const begunMs = uploadBegunMs(id);
    if (begunMs !== null && nowMs() > begunMs + uploadTtlMs + SLACK_MS) found.set(`${tenant}/${id}`, [tenant, id]);
  }
  return [...found.values()];
}

async function multipartOf({ uploads }: RetentionPorts, tenant: string, uploadId: string): Promise<string | null> {
  const info = await uploads.get(objectKeys.uploadInfo(tenant, uploadId));
  if (info === null) return null;
  const { presigned } = JSON.parse(Buffer.from(info).toString('utf8')) as { presigned?: { multipartId: string } };
  return presigned?.multipartId ?? null;
}
