/**
 * What is true of one stream of speech (a live session or a span of a file), as a fold over its events. Plain JSON:
 * this state is carried through continue-as-new.
 */
import type {
  ConnectionAttempt,
  GatewayAddress,
  Lease,
  Segment,
  SessionResult,
  Span,
  StreamInput,
} from '../contract.ts';
import { atMost } from '../coverage.ts';

export interface Ending {
  readonly state: SessionResult['state'];
  readonly reason: string | null;
  readonly detail: string | null;
}

export type Phase =
  /** Waits for a worker. */
  | { readonly name: 'queued'; readonly sinceMs: number }
  | { readonly name: 'streaming'; readonly lease: Lease }
  /** The client is away and holds no slot. */
  | { readonly name: 'idle' }
  /** No more is recognised; the transcript is being written. */
  | { readonly name: 'closing'; readonly ending: Ending }
  | { readonly name: 'ended'; readonly ending: Ending };

export interface Client {
  readonly connection: string;
  readonly gateway: GatewayAddress;
  readonly attempt?: ConnectionAttempt;
}

export interface StreamState {
  readonly phase: Phase;
  readonly startedAtMs: number;
  /** Epoch of the newest lease, 0 before the first. */
  readonly epoch: number;
  readonly nextIndex: number;
  readonly throughByte: number;
  /** Committed segments from index `tailFrom` on; earlier ones are in checkpoints. */
  readonly tail: readonly Segment[];
  readonly tailFrom: number;
  /** Null while no client is connected. */
  readonly client: Client | null;
  /** When the client went away; null while one is connected or none is expected. */
  readonly detachedAtMs: number | null;
  /** Where to find the audio: the last gateway that served a client; null means any. */
  readonly gateway: GatewayAddress | null;
  /** Counts attaches. */
  readonly generation: number;
  /** Where the audio ends; null while more may come. */
  readonly audioEndByte: number | null;
  /** The session ends with the audio that is stored, without waiting for its client. */
  readonly endForced: boolean;
  /** The epoch that is to be handed over to another worker at the next segment boundary; 0 when none is. */
  readonly handoverEpoch: number;
  /** Recognisers that failed one after the other without a commit between. */
  readonly engineFailures: number;
  /** Workers that were lost one after the other without a commit between. */
  readonly workerLosses: number;
  /** Stretches of audio that were passed over: no recogniser could make text of them. */
  readonly holes: readonly Span[];
  /** Stretches passed over one after the other without a commit between. */
  readonly skips: number;
}

/** What a run that began with an earlier version may lack. */
type Carried = Omit<StreamState, 'workerLosses' | 'holes' | 'skips'> & Partial<StreamState>;

/** The state that an earlier run has left. */
export const carriedState = (carried: Carried): StreamState => ({
  ...carried,
  workerLosses: carried.workerLosses ?? 0,
  holes: carried.holes ?? [],
  skips: carried.skips ?? 0,
});

/** More stretches than this are joined with their neighbours: the state is carried through continue-as-new. */
const MAX_HOLES = 100;

export type SessionEvent =
  | { readonly type: 'ClientAttached'; readonly client: Client }
  | { readonly type: 'ClientDetached'; readonly atMs: number }
  | { readonly type: 'SlotWanted'; readonly atMs: number }
  | { readonly type: 'LeaseGranted'; readonly lease: Lease }
  | { readonly type: 'HandoverWanted' }
  | { readonly type: 'SlotReleased' }
  /** The gateway does not answer any more: its audio is had from any other. */
  | { readonly type: 'GatewayForgotten' }
  | { readonly type: 'EngineFailed' }
  | { readonly type: 'WorkerLost' }
  | { readonly type: 'SegmentsCommitted'; readonly segments: readonly Segment[]; readonly throughByte: number }
  | { readonly type: 'SegmentsCheckpointed'; readonly end: number }
  /** Audio that was heard and needs no commit. */
  | { readonly type: 'AudioHeard'; readonly throughByte: number }
  /** Speech without text. */
  | { readonly type: 'HolesFound'; readonly holes: readonly Span[] }
  /** Recognisers fail here again and again: the next one goes on behind it. */
  | { readonly type: 'AudioSkipped'; readonly toByte: number }
  /** Holes were transcribed again, at the end: so many segments follow the others, and these holes are left. */
  | { readonly type: 'HolesRepaired'; readonly segments: number; readonly holes: readonly Span[] }
  | { readonly type: 'AudioEnded'; readonly endByte: number }
  | { readonly type: 'EndForced' }
  | { readonly type: 'SessionClosing'; readonly ending: Ending }
  | { readonly type: 'SessionEnded' };

/** A live session waits for its first attach; a span wants a slot at once and knows its end. */
export function initialState(input: StreamInput, nowMs: number): StreamState {
  const span = input.kind === 'span';
  return {
    phase: span ? { name: 'queued', sinceMs: nowMs } : { name: 'idle' },
    startedAtMs: nowMs,
    epoch: span ? (input.firstEpoch ?? 1) - 1 : 0,
    nextIndex: 0,
    throughByte: span ? input.fromByte : 0,
    tail: [],
    tailFrom: 0,
    client: null,
    detachedAtMs: span ? null : nowMs,
    gateway: null,
    generation: 0,
    audioEndByte: span ? input.toByte : null,
    endForced: false,
    handoverEpoch: 0,
    engineFailures: 0,
    workerLosses: 0,
    holes: [],
    skips: 0,
  };
}

export function evolve(state: StreamState, event: SessionEvent): StreamState {
  switch (event.type) {
    case 'ClientAttached':
      return {
        ...state,
        client: event.client,
        gateway: event.client.gateway,
        detachedAtMs: null,
        generation: state.generation + 1,
      };
    case 'ClientDetached':
      return { ...state, client: null, detachedAtMs: event.atMs };
    case 'SlotWanted':
      return { ...state, phase: { name: 'queued', sinceMs: event.atMs } };
    case 'LeaseGranted':
      return { ...state, phase: { name: 'streaming', lease: event.lease }, epoch: event.lease.epoch };
    case 'HandoverWanted':
      return { ...state, handoverEpoch: state.epoch };
    case 'SlotReleased':
      return { ...state, phase: { name: 'idle' } };
    case 'GatewayForgotten':
      return { ...state, gateway: null };
    case 'EngineFailed':
      return { ...state, engineFailures: state.engineFailures + 1 };
    case 'WorkerLost':
      return { ...state, workerLosses: state.workerLosses + 1 };
    case 'SegmentsCommitted':
      return {
        ...state,
        tail: [...state.tail, ...event.segments],
        nextIndex: state.nextIndex + event.segments.length,
        throughByte: event.throughByte,
        engineFailures: 0,
        workerLosses: 0,
        skips: 0,
      };
    case 'SegmentsCheckpointed':
      if (event.end <= state.tailFrom) return state;
      return { ...state, tail: state.tail.slice(event.end - state.tailFrom), tailFrom: event.end };
    case 'AudioHeard':
      return { ...state, throughByte: event.throughByte };
    case 'HolesFound':
      return { ...state, holes: atMost(MAX_HOLES, [...state.holes, ...event.holes]) };
    case 'AudioSkipped':
      return {
        ...state,
        holes: atMost(MAX_HOLES, [...state.holes, { fromByte: state.throughByte, toByte: event.toByte }]),
        throughByte: event.toByte,
        engineFailures: 0,
        workerLosses: 0,
        skips: state.skips + 1,
      };
    case 'HolesRepaired':
      return { ...state, nextIndex: state.nextIndex + event.segments, holes: event.holes };
    case 'AudioEnded':
      return { ...state, audioEndByte: event.endByte };
    case 'EndForced':
      return { ...state, endForced: true };
    case 'SessionClosing':
      return { ...state, phase: { name: 'closing', ending: event.ending } };
    case 'SessionEnded':
      return state.phase.name === 'closing'
        ? { ...state, phase: { name: 'ended', ending: state.phase.ending } }
        : state;
    default:
      return event satisfies never;
  }
}
