/** A stored upload becomes a session. */
import { randomUUID } from 'node:crypto';
import type { ChannelMode, FileInput, SessionRef } from '../../workflows/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import type { Choice } from '../protocol.ts';
import { discardUpload } from './stored-upload.ts';
import type { StoredUpload } from './stored-upload.ts';

export interface NamedUpload extends StoredUpload {
  readonly fileName: string;
  /** Absent: they are mixed. */
  readonly channels?: ChannelMode;
}

/** Starts the session of a file; where that fails the upload is let go of. @param id of the session; one of ours if none is given */
export async function startFileSession(
  gateway: Gateway,
  { uploadId, bytes, fileName, channels = 'mixed' }: NamedUpload,
  choice: Choice,
  id: string = randomUUID(),
): Promise<SessionRef> {
  const { tenant, weightOf, bounds } = gateway.settings;
  const ref = { tenant, id };
  const spec = { ref, ...choice, weight: weightOf(tenant), bounds };
  const input: FileInput = { kind: 'file', ...spec, uploadId, fileName, uploadBytes: bytes, channels };
  await gateway.sessions.startFile(input).catch(async (error: unknown) => {
    // Temporal may have started it all the same: then its upload is needed.
    if (!(error instanceof Failure && error.type === 'temporal_unavailable')) {
      await discardUpload(gateway, { uploadId, bytes });
    }
    throw error;
  });
  return ref;
}

/** Throws why the file cannot be decoded, if the decoder says so in time. */
export async function refuseUndecodable({ sessions, settings }: Gateway, ref: SessionRef): Promise<void> {
  const verdict = await sessions.probed(ref, settings.prepareWaitMs);
  if (verdict?.ok === false) throw failureOf(verdict.reason, verdict.detail);
}

export const failureOf = (reason: string | null, detail: string | null): Failure =>
  new Failure(isFailureType(reason) ? reason : 'session_failed', detail ?? 'the session failed');
