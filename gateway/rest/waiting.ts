/** Those who wait in their request for a file's transcript. */
import type { Response } from 'express';
import type { SessionRef, SessionResult, TranscriptDocument } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { readTranscript } from '../transcripts.ts';
import { failureOf } from './file-session.ts';

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
  const gone = (): void => {
    clearTimeout(timer);
    gatewayEnds.removeEventListener('abort', ending);
    end('clientGone')();
  };
  if (response.closed) gone();
  else response.once('close', gone);
  return ended.signal;
}

/** TCP asks a silent peer whether it is there, so that a client whose host has vanished is noticed. */
const KEEPALIVE_PROBE_MS = 15_000;

/**
 * The transcript of a file, once it is written.
 * @throws {Failure} why there is none
 * @throws {WaitEnded} when the patience ended first
 */
async function finishedTranscript(gateway: Gateway, ref: SessionRef, signal: AbortSignal): Promise<TranscriptDocument> {
  const result = await resultOrEnd(gateway, ref, signal);
  if (result.state === 'cancelled') throw new Failure('session_failed', 'the session was cancelled');
  if (result.state === 'failed') throw failureOf(result.reason, result.detail);
  const written = await readTranscript(gateway.objects, ref, 'json');
  if (written === null) throw new Failure('not_finished', 'the transcript is not written yet');
  return JSON.parse(Buffer.from(written).toString('utf8')) as TranscriptDocument;
}

/**
 * The transcript, as long as someone waits for it. A session whose client has gone, or is to ask again, and that nobody else
 * knows by name, is cancelled.
 * @throws {WaitEnded} when the client has gone, or it took too long
 */
export async function waitedTranscript(
  gateway: Gateway,
  ref: SessionRef,
  signal: AbortSignal,
  isNamed: boolean,
): Promise<TranscriptDocument> {
  try {
    return await finishedTranscript(gateway, ref, signal);
  } catch (error) {
    if (!(error instanceof WaitEnded)) throw error;
    if (!isNamed && error.why !== 'tooLong') {
      await gateway.sessions.cancel(ref).catch((failed: unknown) => {
        gateway.log.warn({ err: failed, session: ref.id }, 'cancelling a session that nobody waits for failed');
      });
    }
    if (error.why === 'gatewayEnds') throw new Failure('shutting_down', 'this gateway ends: ask again');
    throw error;
  }
}

async function resultOrEnd(gateway: Gateway, ref: SessionRef, signal: AbortSignal): Promise<SessionResult> {
  // Its end may have come before anyone waited.
  signal.throwIfAborted();
  try {
    return await gateway.sessions.result(ref, signal);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  }
}
