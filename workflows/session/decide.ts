/**
 * The rules of a stream of speech: a command and what is true give the events that follow. Pure: time is passed in.
 */
import { REFUSAL } from '../contract.ts';
import type { Attach, AudioFormat, Commit, Lease, StreamOutcome } from '../contract.ts';
import type { Ending, SessionEvent, StreamState } from './state.ts';

/** So many recognisers may fail one after the other before the session is given up. */
export const MAX_ENGINE_FAILURES = 5;

/**
 * So many segments may wait for their checkpoint while storage is away; more would outgrow what a workflow may carry
 * through continue-as-new (2 MB).
 */
export const MAX_TAIL_SEGMENTS = 400;

/** How a session ends to which storage gives back something else than was written. */
export const DAMAGED: Ending = {
  state: 'failed',
  reason: 'storage_corruption',
  detail: 'what the storage holds of the session is not what was written',
};

export type Command =
  | { readonly type: 'Attach'; readonly attach: Attach }
  | { readonly type: 'Detach'; readonly connection: string }
  | { readonly type: 'GrantLease'; readonly lease: Lease }
  | { readonly type: 'LoseWorker'; readonly epoch: number }
  | { readonly type: 'HandOver' }
  | { readonly type: 'EndStream'; readonly epoch: number; readonly generation: number; readonly outcome: StreamOutcome }
  | { readonly type: 'CommitSegments'; readonly commit: Commit }
  | { readonly type: 'FinishAudio'; readonly endByte: number }
  | { readonly type: 'ExpireWindow' }
  | { readonly type: 'Cancel' };

/** Why a request is refused: a type of REFUSAL and a sentence. */
export interface Refusal {
  readonly type: (typeof REFUSAL)[keyof typeof REFUSAL];
  readonly message: string;
}

const isOver = (state: StreamState): boolean => state.phase.name === 'closing' || state.phase.name === 'ended';

const sameFormat = (a: AudioFormat, b: AudioFormat): boolean =>
  a.encoding === b.encoding && a.sampleRate === b.sampleRate && a.channels === b.channels;

export function refuseAttach(state: StreamState, attach: Attach, format: AudioFormat): Refusal | null {
  if (isOver(state)) return { type: REFUSAL.sessionEnded, message: 'the session has ended' };
  if (!sameFormat(attach.audio, format)) {
    const { encoding, sampleRate, channels } = format;
    return {
      type: REFUSAL.formatChanged,
      message: `the session was started with encoding ${encoding}, sample_rate ${sampleRate}, channels ${channels}`,
    };
  }
  return null;
}

/** An older epoch is refused everywhere; a repeated index of the present one is let through and answered as done. */
export function refuseCommit(state: StreamState, commit: Commit): Refusal | null {
  if (isOver(state)) return { type: REFUSAL.sessionEnded, message: 'the session has ended' };
  if (state.phase.name !== 'streaming' || commit.epoch !== state.epoch) {
    return { type: REFUSAL.staleEpoch, message: `epoch ${commit.epoch} holds no lease; the newest is ${state.epoch}` };
  }
  const first = commit.segments[0]?.index ?? state.nextIndex;
  const gapless = commit.segments.every((segment, i) => segment.index === first + i);
  if (first > state.nextIndex || !gapless) {
    return { type: REFUSAL.indexGap, message: `segment ${first} leaves a gap: the next index is ${state.nextIndex}` };
  }
  if (commit.segments.length > 0 && state.tail.length >= MAX_TAIL_SEGMENTS) {
    return { type: REFUSAL.tailFull, message: `${state.tail.length} segments wait for storage: try again` };
  }
  return null;
}

/** The events that follow from a command; none when it changes nothing. */
export function decide(command: Command, state: StreamState, nowMs: number): readonly SessionEvent[] {
  if (isOver(state)) return [];
  switch (command.type) {
    case 'Attach':
      return decideAttach(command.attach, state, nowMs);
    case 'Detach':
      return state.client?.connection === command.connection ? [{ type: 'ClientDetached', atMs: nowMs }] : [];
    case 'GrantLease':
      return state.phase.name === 'queued' && command.lease.epoch > state.epoch
        ? [{ type: 'LeaseGranted', lease: command.lease }]
        : [];
    case 'LoseWorker':
      return holdsLease(state, command.epoch) ? [{ type: 'SlotWanted', atMs: nowMs }] : [];
    case 'HandOver':
      return state.phase.name === 'streaming' && state.handoverEpoch < state.epoch ? [{ type: 'HandoverWanted' }] : [];
    case 'EndStream':
      return holdsLease(state, command.epoch) ? decideStreamEnd(command, state, nowMs) : [];
    case 'CommitSegments':
      return decideCommit(command.commit, state);
    case 'FinishAudio':
      return decideFinish(command.endByte, state, nowMs);
    case 'ExpireWindow':
      return state.endForced ? [] : [{ type: 'EndForced' }, ...wantSlot(state, nowMs)];
    case 'Cancel':
      return [closing({ state: 'cancelled', reason: null, detail: null })];
    default:
      return command satisfies never;
  }
}

const closing = (ending: Ending): SessionEvent => ({ type: 'SessionClosing', ending });

const holdsLease = (state: StreamState, epoch: number): boolean =>
  state.phase.name === 'streaming' && state.epoch === epoch;

/** An idle session that has work again goes back to the queue. */
const wantSlot = (state: StreamState, nowMs: number): SessionEvent[] =>
  state.phase.name === 'idle' ? [{ type: 'SlotWanted', atMs: nowMs }] : [];

function decideAttach(attach: Attach, state: StreamState, nowMs: number): SessionEvent[] {
  const { connection, gateway } = attach;
  return [{ type: 'ClientAttached', client: { connection, gateway } }, ...wantSlot(state, nowMs)];
}

/** The validator has refused what may not be committed; whoever comes past it changes nothing either. */
function decideCommit(commit: Commit, state: StreamState): SessionEvent[] {
  if (refuseCommit(state, commit) !== null) return [];
  const segments = commit.segments.filter((segment) => segment.index >= state.nextIndex);
  const throughByte = Math.max(state.throughByte, commit.throughByte);
  if (segments.length === 0 && throughByte === state.throughByte) return [];
  return [{ type: 'SegmentsCommitted', segments, throughByte }];
}

function decideFinish(endByte: number, state: StreamState, nowMs: number): SessionEvent[] {
  if (state.audioEndByte !== null) return [];
  return [{ type: 'AudioEnded', endByte }, ...wantSlot(state, nowMs)];
}

function decideStreamEnd(
  { outcome, generation }: Extract<Command, { type: 'EndStream' }>,
  state: StreamState,
  nowMs: number,
): SessionEvent[] {
  switch (outcome.why) {
    case 'end':
      return [closing({ state: 'completed', reason: null, detail: null })];
    case 'rotate':
    case 'superseded':
      return [];
    case 'paused':
      return decideAway(generation, state, nowMs);
    case 'gatewayLost':
      return state.generation > generation
        ? decideAway(generation, state, nowMs)
        : [{ type: 'GatewayForgotten' }, ...decideAway(generation, state, nowMs)];
    case 'handedOver':
    case 'leaseExpired':
    case 'fenced':
      return [{ type: 'SlotWanted', atMs: nowMs }];
    case 'engineFailed':
      return state.engineFailures + 1 >= MAX_ENGINE_FAILURES
        ? [closing({ state: 'failed', reason: 'engine_failed', detail: 'the recogniser failed again and again' })]
        : [{ type: 'EngineFailed' }, { type: 'SlotWanted', atMs: nowMs }];
    case 'audioDamaged':
      return [closing(DAMAGED)];
    default:
      return outcome.why satisfies never;
  }
}

/** The stream's client is away; a newer one, or audio that has an end, still wants a slot. */
function decideAway(generation: number, state: StreamState, nowMs: number): SessionEvent[] {
  const ends = state.audioEndByte !== null || state.endForced;
  if (ends || (state.client !== null && state.generation > generation)) return [{ type: 'SlotWanted', atMs: nowMs }];
  const detached: SessionEvent[] = state.client === null ? [] : [{ type: 'ClientDetached', atMs: nowMs }];
  return [...detached, { type: 'SlotReleased' }];
}
