/** A session as the REST API shows it. */
import type { z } from 'zod';
import { LOG_BYTES_PER_MS } from '../../workflows/contract.ts';
import type { SessionRef, SessionView } from '../../workflows/contract.ts';
import type { sessionSchema } from './schemas.ts';

export type Session = z.input<typeof sessionSchema>;

/** @param nowMs when it is asked. */
export function sessionOf(ref: SessionRef, view: SessionView, nowMs = Date.now()): Session {
  const { lease, throughByte, audioEndByte, reason, detail } = view;
  const progress = progressOf(view);
  const remainingMs = remainingMsOf(view, progress, nowMs);
  return {
    id: ref.id,
    kind: view.kind === 'file' ? 'file' : 'live',
    state: view.state,
    model: view.model,
    language: view.language,
    priority: view.priority,
    labels: [...(view.labels ?? [])],
    attached: view.attached,
    lease: lease === null ? null : { leaseId: lease.leaseId, epoch: lease.epoch, workerId: lease.workerId },
    epoch: view.epoch,
    segments: view.nextIndex,
    transcribedMs: Math.round(throughByte / LOG_BYTES_PER_MS),
    audioMs: audioEndByte === null ? null : Math.round(audioEndByte / LOG_BYTES_PER_MS),
    progress,
    estimatedRemainingMs: remainingMs,
    estimatedEndAt: remainingMs === null ? null : new Date(nowMs + remainingMs).toISOString(),
    spans: view.spans,
    channels: view.channels ?? 1,
    error: reason === null ? null : { code: reason, detail },
  };
}

function progressOf({ state, throughByte, audioEndByte }: SessionView): number | null {
  if (state === 'completed') return 1;
  return audioEndByte === null || audioEndByte === 0 ? null : Math.min(1, throughByte / audioEndByte);
}

/**
 * Until the time at which spans have been finished says that the last one will be. Where there are too few of them, or that
 * time is over: what is left takes as long, for its length, as what is done has taken since the file began to be
 * transcribed. Waiting for workers is included. Null where nothing has been done yet, or nothing goes on.
 */
function remainingMsOf({ state, pace }: SessionView, progress: number | null, nowMs: number): number | null {
  if (state !== 'streaming' || pace === undefined || pace.share <= 0 || progress === null) return null;
  if (pace.endMs !== null && pace.endMs > nowMs) return pace.endMs - nowMs;
  const elapsedMs = Math.max(0, nowMs - pace.sinceMs);
  return Math.round(((1 - progress) * elapsedMs) / pace.share);
}
