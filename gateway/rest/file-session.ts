/** A stored upload becomes a session, and those who wait for its transcript get it. */
import type { Response } from 'express';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { FileInput, SessionRef, SessionResult, TranscriptDocument } from '../../workflows/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import type { Choice } from '../protocol.ts';
import { readTranscript } from '../transcripts.ts';
import { discardUpload } from './stored-upload.ts';
import type { StoredUpload } from './stored-upload.ts';

/** Starts the session of a file; where that fails the upload is let go of. @param id of the session; one of ours if none is given */
export async function startFileSession(
  gateway: Gateway,
  { uploadId, bytes, fileName }: StoredUpload & { readonly fileName: string },
  choice: Choice,
  id: string = randomUUID(),
): Promise<SessionRef> {
  const { tenant, weightOf, bounds } = gateway.settings;
  const ref = { tenant, id };
  const spec = { ref, ...choice, weight: weightOf(tenant), bounds };
  const input: FileInput = { kind: 'file', ...spec, uploadId, fileName, uploadBytes: bytes };
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

/** Why nobody waits for a transcript any longer. */
export type WaitEnd = 'clientGone' | 'tooLong' | 'gatewayEnds';

export class WaitEnded extends Error {
  override name = 'WaitEnded';
  readonly why: WaitEnd;

  constructor(why: WaitEnd) {
    super(why);
    this.why = why;
  }
}

/** How long one who asked waits: while the connection is there, the gateway stays, and for `limitMs` at most. */
export function patience(response: Response, limitMs: number, gatewayEnds: AbortSignal): AbortSignal {
  // Nothing moves on this connection while the file is transcribed: that is no stall.
  response.socket?.setTimeout(0);
  response.socket?.setKeepAlive(true, KEEPALIVE_PROBE_MS);
  const ended = new AbortController();
  const end = (why: WaitEnd) => () => ended.abort(new WaitEnded(why));
  const timer = setTimeout(end('tooLong'), limitMs);
  const ending = end('gatewayEnds');
  gatewayEnds.addEventListener('abort', ending);
  if (gatewayEnds.aborted) ending();
  void once(response, 'close').then(() => {
    clearTimeout(timer);
    gatewayEnds.removeEventListener('abort', ending);
    end('clientGone')();
  });
  return ended.signal;
}

/** TCP asks a silent peer whether it is there, so that a client whose host has vanished is noticed. */
const KEEPALIVE_PROBE_MS = 15_000;

/**
 * The transcript of a file, once it is written.
 * @throws {Failure} why there is none
 * @throws {WaitEnded} when the patience ended first
 */
export async function finishedTranscript(
  gateway: Gateway,
  ref: SessionRef,
  signal: AbortSignal,
): Promise<TranscriptDocument> {
  const result = await resultOrEnd(gateway, ref, signal);
  if (result.state === 'cancelled') throw new Failure('session_failed', 'the session was cancelled');
  if (result.state === 'failed') throw failureOf(result.reason, result.detail);
  const written = await readTranscript(gateway.objects, ref, 'json');
  if (written === null) throw new Failure('not_finished', 'the transcript is not written yet');
  return JSON.parse(Buffer.from(written).toString('utf8')) as TranscriptDocument;
}

async function resultOrEnd(gateway: Gateway, ref: SessionRef, signal: AbortSignal): Promise<SessionResult> {
  try {
    return await gateway.sessions.result(ref, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  }
}
