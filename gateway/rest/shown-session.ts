/** A session as the REST API shows it. */
import type { z } from 'zod';
import { LOG_BYTES_PER_MS } from '../../workflows/contract.ts';
import type { SessionRef, SessionView } from '../../workflows/contract.ts';
import type { sessionSchema } from './schemas.ts';

export type Session = z.input<typeof sessionSchema>;

export function sessionOf(ref: SessionRef, view: SessionView): Session {
  const { lease, throughByte, audioEndByte, reason, detail } = view;
  const ended = view.state === 'completed';
  const share = audioEndByte === null || audioEndByte === 0 ? null : Math.min(1, throughByte / audioEndByte);
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
    progress: ended ? 1 : share,
    spans: view.spans,
    error: reason === null ? null : { code: reason, detail },
  };
}
