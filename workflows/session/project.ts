/** What others see of a stream's state. */
import { LOG_BYTES_PER_MS } from '../contract.ts';
import type {
  Coverage,
  PriorityClass,
  Repairs,
  SessionResult,
  SessionView,
  StreamArgs,
  StreamInput,
  TranscriptMeta,
  WriteTranscriptArgs,
} from '../contract.ts';
import type { Ending, StreamState } from './state.ts';

/**
 * Temporal's priority key, 1 (first) to 5: a session that goes on before any new one, live before batch.
 * https://docs.temporal.io/develop/task-queue-priority-fairness
 */
export function priorityKey(kind: 'live' | 'span' | 'file', priority: PriorityClass, continuing: boolean): number {
  const batch = kind !== 'live';
  if (batch) return continuing || priority === 'high' ? 4 : 5;
  return continuing ? 1 : { high: 2, normal: 3, low: 4 }[priority];
}

export function viewOf(state: StreamState, input: StreamInput): SessionView {
  const { phase } = state;
  const ending = phase.name === 'closing' || phase.name === 'ended' ? phase.ending : null;
  return {
    state: phase.name === 'ended' ? phase.ending.state : phase.name,
    kind: input.kind,
    model: input.model,
    language: input.language,
    priority: input.priority,
    lease: phase.name === 'streaming' ? phase.lease : null,
    epoch: state.epoch,
    nextIndex: state.nextIndex,
    throughByte: state.throughByte,
    audioEndByte: state.audioEndByte,
    attached: state.client !== null && phase.name !== 'ended',
    generation: state.generation,
    reason: ending?.reason ?? null,
    detail: ending?.detail ?? null,
    labels: input.labels ?? [],
    spans: null,
  };
}

export function streamArgsOf(state: StreamState, input: StreamInput, workflowId: string): StreamArgs {
  if (state.phase.name !== 'streaming') throw new Error(`no lease in phase ${state.phase.name}`);
  return {
    workflowId,
    ref: input.ref,
    lease: state.phase.lease,
    kind: input.kind,
    language: input.language,
    gateway: state.gateway,
    fromByte: state.throughByte,
    toByte: input.kind === 'span' ? input.toByte : null,
    nextIndex: state.nextIndex,
    generation: state.generation,
    drain: state.endForced,
    ...channelOf(input),
    ...(input.kind === 'span' && input.bounds.lean === true ? { lean: true } : {}),
  };
}

const channelOf = (input: StreamInput): { channel?: number } =>
  input.kind === 'span' && input.channel !== undefined ? { channel: input.channel } : {};

/** Which transcript a span belongs to, where it is not the session's first. */
export const versionOf = (input: StreamInput): { version?: number } =>
  input.kind === 'span' && input.version !== undefined ? { version: input.version } : {};

const fromByteOf = (input: StreamInput): number => (input.kind === 'span' ? input.fromByte : 0);

/** Milliseconds of audio that the committed segments account for. */
function audioMs(state: StreamState, input: StreamInput): number {
  const fromByte = fromByteOf(input);
  return Math.round(((state.audioEndByte ?? state.throughByte) - fromByte) / LOG_BYTES_PER_MS);
}

export function transcriptArgsOf(state: StreamState, input: StreamInput, ending: Ending): WriteTranscriptArgs {
  const meta: TranscriptMeta = {
    id: input.ref.id,
    tenant: input.ref.tenant,
    model: input.model,
    language: input.language,
    state: ending.state,
    audioMs: audioMs(state, input),
  };
  const coverage: Coverage = {
    fromByte: fromByteOf(input),
    toByte: input.kind === 'span' ? input.toByte : null,
    throughByte: state.throughByte,
    holes: state.holes,
  };
  const span = input.kind === 'span' ? input.span : null;
  // Only a live session that came to its end repairs its holes: a file repairs those of its spans.
  const repairs = input.kind === 'live' && ending.state === 'completed' ? null : NO_REPAIRS;
  const { tail, nextIndex: segmentCount } = state;
  return { ref: input.ref, span, ...versionOf(input), tail, segmentCount, meta, coverage, repairs };
}

const NO_REPAIRS: Repairs = { firstSpan: 0, spans: 0, open: [] };

export function resultOf(state: StreamState, input: StreamInput): SessionResult {
  if (state.phase.name !== 'ended') throw new Error(`no result in phase ${state.phase.name}`);
  const { ending } = state.phase;
  return { ...ending, segments: state.nextIndex, audioMs: audioMs(state, input), holes: state.holes };
}
