/**
 * The rules of a stream of speech: a command and what is true give the events that follow. Pure: time is passed in.
 */
import { LOG_BYTES_PER_MS, REFUSAL } from '../contract.ts';
import type { Attach, AudioFormat, Commit, LastCommit, Lease, Span, StreamOutcome } from '../contract.ts';
import type { Ending, SessionEvent, StreamState } from './state.ts';

/** So many recognisers may fail one after the other before the audio at which they fail is passed over. */
export const MAX_ENGINE_FAILURES = 5;
/** So much audio is passed over at a time; it is transcribed again, alone, at the end. */
export const SKIP_BYTES = 10_000 * LOG_BYTES_PER_MS;
/** So often audio is passed over without a commit between before the session is given up: it is not the audio then. */
export const MAX_SKIPS = 2;

/**
 * So many workers may be lost one after the other without a commit before the audio is passed over: audio that kills whoever
 * hears it must not go through the whole pool. With the pauses between them that takes two minutes, longer than a restart
 * of everything or a network that flaps.
 */
export const MAX_WORKER_LOSSES = 12;
/** So many are replaced at once; then there is a pause, each twice as long. */
const PROMPT_REPLACEMENTS = 3;
const FIRST_PAUSE_MS = 1000;
const LAST_PAUSE_MS = 30_000;

/** How long a session whose workers were lost again and again leaves the others alone. */
export function pauseBeforeSlotMs({ workerLosses }: Pick<StreamState, 'workerLosses'>): number {
  if (workerLosses <= PROMPT_REPLACEMENTS) return 0;
  return Math.min(FIRST_PAUSE_MS * 2 ** (workerLosses - PROMPT_REPLACEMENTS - 1), LAST_PAUSE_MS);
}

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
  /** Before yet another slot is asked for: enough workers were lost over the same audio. */
  | { readonly type: 'GiveUp' }
  | { readonly type: 'HandOver' }
  | {
      readonly type: 'EndStream';
      readonly epoch: number;
      readonly generation: number;
      readonly outcome: StreamOutcome;
      /** Audio at which recognisers fail may be passed over; absent in sessions that began when it was not. */
      readonly mayPassOver?: boolean;
    }
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
  const present = state.client?.attempt;
  if (present !== undefined && present.client === attach.attempt?.client && present.number > attach.attempt.number) {
    return { type: REFUSAL.outdatedAttempt, message: 'a later connection of this client is attached' };
  }
  return null;
}

/** An older epoch is refused everywhere; a repeated index of the present one is let through and answered as done. */
export function refuseCommit(state: StreamState, commit: Commit): Refusal | null {
  if (isOver(state)) return { type: REFUSAL.sessionEnded, message: 'the session has ended' };
  if (state.phase.name !== 'streaming' || commit.epoch !== state.epoch) {
    return { type: REFUSAL.staleEpoch, message: `epoch ${commit.epoch} holds no lease; the newest is ${state.epoch}` };
  }
  if (leavesGap(commit, state)) {
    const first = commit.segments[0]?.index;
    return { type: REFUSAL.indexGap, message: `segment ${first} leaves a gap: the next index is ${state.nextIndex}` };
  }
  if (commit.segments.length > 0 && state.tail.length >= MAX_TAIL_SEGMENTS) {
    return { type: REFUSAL.tailFull, message: `${state.tail.length} segments wait for storage: try again` };
  }
  return null;
}

function leavesGap({ segments }: Pick<Commit, 'segments'>, { nextIndex }: StreamState): boolean {
  const first = segments[0]?.index ?? nextIndex;
  return first > nextIndex || !segments.every((segment, i) => segment.index === first + i);
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
      return holdsLease(state, command.epoch) ? [{ type: 'WorkerLost' }, { type: 'SlotWanted', atMs: nowMs }] : [];
    case 'GiveUp':
      return state.workerLosses < MAX_WORKER_LOSSES ? [] : [...(passOver(state) ?? [closing(WORKERS_LOST)])];
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

const ENGINE_FAILED: Ending = {
  state: 'failed',
  reason: 'engine_failed',
  detail: 'the recogniser failed again and again',
};

const WORKERS_LOST: Ending = {
  state: 'failed',
  reason: 'engine_failed',
  detail: 'worker after worker was lost over the same audio',
};

const closing = (ending: Ending): SessionEvent => ({ type: 'SessionClosing', ending });

const holdsLease = (state: StreamState, epoch: number): boolean =>
  state.phase.name === 'streaming' && state.epoch === epoch;

/** An idle session that has work again goes back to the queue. */
const wantSlot = (state: StreamState, nowMs: number): SessionEvent[] =>
  state.phase.name === 'idle' ? [{ type: 'SlotWanted', atMs: nowMs }] : [];

function decideAttach(attach: Attach, state: StreamState, nowMs: number): SessionEvent[] {
  const { connection, gateway, attempt } = attach;
  const client = { connection, gateway, ...(attempt === undefined ? {} : { attempt }) };
  return [{ type: 'ClientAttached', client }, ...wantSlot(state, nowMs)];
}

/** The validator has refused what may not be committed; whoever comes past it changes nothing either. */
function decideCommit(commit: Commit, state: StreamState): SessionEvent[] {
  return refuseCommit(state, commit) === null ? committed(commit, state) : [];
}

function committed(commit: LastCommit, state: StreamState): SessionEvent[] {
  const segments = commit.segments.filter((segment) => segment.index >= state.nextIndex);
  const throughByte = Math.max(state.throughByte, commit.throughByte);
  if (segments.length === 0 && throughByte === state.throughByte) return [];
  const holes = newHoles(commit, state);
  return [
    ...(holes.length === 0 ? [] : [{ type: 'HolesFound', holes } as const]),
    { type: 'SegmentsCommitted', segments, throughByte },
  ];
}

/** What an earlier commit has told of counts once. */
const newHoles = ({ holes = [] }: Pick<Commit, 'holes'>, { throughByte }: StreamState): Span[] =>
  holes
    .filter((hole) => hole.toByte > throughByte)
    .map((hole) => ({ ...hole, fromByte: Math.max(hole.fromByte, throughByte) }));

function decideFinish(endByte: number, state: StreamState, nowMs: number): SessionEvent[] {
  if (state.audioEndByte !== null) return [];
  return [{ type: 'AudioEnded', endByte }, ...wantSlot(state, nowMs)];
}

function decideStreamEnd(
  { outcome, generation, mayPassOver = false }: Extract<Command, { type: 'EndStream' }>,
  state: StreamState,
  nowMs: number,
): SessionEvent[] {
  switch (outcome.why) {
    case 'end':
      return decideEnd(outcome, state, nowMs);
    case 'rotate':
    case 'superseded':
      return [];
    case 'paused':
      return decideAway(generation, state, nowMs);
    case 'quiet':
      return [wantsSlot(generation, state) ? { type: 'SlotWanted', atMs: nowMs } : { type: 'SlotReleased' }];
    case 'gatewayLost':
      return state.generation > generation
        ? decideAway(generation, state, nowMs)
        : [{ type: 'GatewayForgotten' }, ...decideAway(generation, state, nowMs)];
    case 'handedOver':
    case 'leaseExpired':
    case 'fenced':
      return [{ type: 'SlotWanted', atMs: nowMs }];
    case 'engineFailed':
      return decideEngineFailure(mayPassOver, state, nowMs);
    case 'audioDamaged':
      return [closing(DAMAGED)];
    default:
      return outcome.why satisfies never;
  }
}

/** All is recognised; what the outcome brings along is committed first. Where it leaves a gap, the rest is heard again. */
function decideEnd(outcome: StreamOutcome, state: StreamState, nowMs: number): SessionEvent[] {
  const { commit } = outcome;
  if (commit !== undefined && leavesGap(commit, state)) return [{ type: 'SlotWanted', atMs: nowMs }];
  return [
    ...(commit === undefined ? [] : committed(commit, state)),
    ...heard(outcome, Math.max(state.throughByte, commit?.throughByte ?? 0)),
    closing({ state: 'completed', reason: null, detail: null }),
  ];
}

function heard({ throughByte = 0 }: StreamOutcome, committedByte: number): SessionEvent[] {
  return throughByte > committedByte ? [{ type: 'AudioHeard', throughByte }] : [];
}

/** Another recogniser tries; where several have failed at the same place, the next one goes on behind it. */
function decideEngineFailure(mayPassOver: boolean, state: StreamState, nowMs: number): SessionEvent[] {
  const again: SessionEvent = { type: 'SlotWanted', atMs: nowMs };
  if (state.engineFailures + 1 < MAX_ENGINE_FAILURES) return [{ type: 'EngineFailed' }, again];
  const passed = mayPassOver ? passOver(state) : null;
  return passed === null ? [closing(ENGINE_FAILED)] : [...passed, again];
}

/**
 * The audio at which recognisers or workers fail becomes a hole. Null where that is in vain: none has ever given a final, or
 * they fail behind it as well; it is not the audio then.
 */
function passOver(state: StreamState): SessionEvent[] | null {
  const toByte = Math.min(state.throughByte + SKIP_BYTES, state.audioEndByte ?? Infinity);
  const isInVain = state.nextIndex === 0 || state.skips >= MAX_SKIPS || toByte <= state.throughByte;
  return isInVain ? null : [{ type: 'AudioSkipped', toByte }];
}

/** A newer client than the stream knew of, or audio that has an end, wants a slot. */
const wantsSlot = (generation: number, { audioEndByte, endForced, client, generation: newest }: StreamState): boolean =>
  audioEndByte !== null || endForced || (client !== null && newest > generation);

/** The stream's client is away. */
function decideAway(generation: number, state: StreamState, nowMs: number): SessionEvent[] {
  if (wantsSlot(generation, state)) return [{ type: 'SlotWanted', atMs: nowMs }];
  const detached: SessionEvent[] = state.client === null ? [] : [{ type: 'ClientDetached', atMs: nowMs }];
  return [...detached, { type: 'SlotReleased' }];
}
