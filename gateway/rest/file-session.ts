/** A stored upload becomes a session. */
import { randomUUID } from 'node:crypto';
import type { ChannelMode, FileInput, ProbedAnswer, SessionRef, SessionView } from '../../workflows/contract.ts';
import type { WebhookTarget } from '../../workflows/webhook/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import type { Choice } from '../protocol.ts';
import { webhookFor } from '../webhooks/target.ts';
import { discardUpload } from './stored-upload.ts';
import type { StoredUpload } from './stored-upload.ts';

export interface FileSessionOptions {
  /** Of the session; one of ours if none is given. */
  readonly id?: string | undefined;
  /** What an Idempotency-Key must come with again. */
  readonly fingerprint?: string | null;
  /** Absent: they are mixed. */
  readonly channels?: ChannelMode | undefined;
  /** The upload was there before: it stays where no session can be started. */
  readonly keepUpload?: boolean;
  /** Who is told of its end, where that is no webhook of Longhand's own. */
  readonly target?: WebhookTarget | undefined;
  /** Longest wait for the decoder's verdict; absent: it is not waited for. */
  readonly waitMs?: number;
}

export interface StartedFile {
  readonly ref: SessionRef;
  /** Null: there is none yet. */
  readonly verdict: ProbedAnswer | null;
}

/** Starts the session of a file; where that fails the upload is let go of. */
export async function startFileSession(
  gateway: Gateway,
  { uploadId, bytes, fileName }: Pick<StoredUpload, 'uploadId' | 'bytes'> & { readonly fileName: string },
  { webhook, ...choice }: Choice,
  options: FileSessionOptions = {},
): Promise<StartedFile> {
  const { id = randomUUID(), fingerprint = null, channels = 'mixed', keepUpload = false, target, waitMs } = options;
  const { tenant, weightOf, bounds } = gateway.settings;
  const ref = { tenant, id };
  const start = async (): Promise<ProbedAnswer | null> => {
    const told = target === undefined ? await webhookFor(gateway, webhook) : { webhook: target };
    const spec = { ref, ...choice, weight: weightOf(tenant), bounds, ...told };
    const file = { uploadId, fileName, uploadBytes: bytes, channels, ...(fingerprint === null ? {} : { fingerprint }) };
    const input: FileInput = { kind: 'file', ...spec, ...file };
    return gateway.sessions.startFile(input, waitMs);
  };
  const verdict = await start().catch(async (error: unknown) => {
    // Temporal may have started it all the same: then its upload is needed.
    const mayBeStarted = error instanceof Failure && error.type === 'temporal_unavailable';
    if (!mayBeStarted && !keepUpload) await discardUpload(gateway, { uploadId });
    throw error;
  });
  return { ref, verdict };
}

/** How the session is seen once it is decoded, if that came in time. Throws why the file cannot be decoded. */
export function refuseUndecodable(verdict: ProbedAnswer | null): SessionView | undefined {
  if (verdict?.ok === false) throw failureOf(verdict.reason, verdict.detail);
  return verdict?.view;
}

export const failureOf = (reason: string | null, detail: string | null): Failure =>
  new Failure(isFailureType(reason) ? reason : 'session_failed', detail ?? 'the session failed');
