/** Given commands, when one more comes, then these events: the language of the tests of the session's rules. */
import type { Attach, LiveInput, Segment, SpanInput, StreamInput, StreamOutcome } from '../../../workflows/contract.ts';
import { decide } from '../../../workflows/session/decide.ts';
import type { Command } from '../../../workflows/session/decide.ts';
import { evolve, initialState } from '../../../workflows/session/state.ts';
import type { SessionEvent, StreamState } from '../../../workflows/session/state.ts';

export const START_MS = 1_000_000;

const spec = {
  ref: { tenant: 't', id: 's' },
  model: 'en',
  language: 'en',
  priority: 'normal',
  weight: 1,
  bounds: {
    resumeWindowMs: 300_000,
    maxSessionMs: 3_600_000,
    leaseTtlMs: 5000,
    heartbeatTimeoutMs: 60_000,
    rotateAfterEvents: 1000,
    checkpointEverySegments: 50,
    maxParallelSpans: 8,
  },
} as const;

export const live: LiveInput = {
  ...spec,
  kind: 'live',
  audio: { encoding: 's16le', sampleRate: 16_000, channels: 1 },
};
export const span: SpanInput = { ...spec, kind: 'span', span: 2, fromByte: 64_000, toByte: 128_000 };

/** One second of audio a segment. */
export const segment = (index: number, text = `segment ${index}`): Segment => ({
  index,
  startMs: index * 1000,
  endMs: index * 1000 + 900,
  text,
  words: [{ text, startMs: index * 1000, endMs: index * 1000 + 900 }],
  timing: 'model',
  channel: 0,
  startByte: index * 32_000,
  endByte: (index + 1) * 32_000,
});

export const attach = (connection: string, instance = 'g1'): Attach => ({
  connection,
  gateway: { url: `ws://${instance}`, instance },
  audio: live.audio,
});

export const attached = (connection = 'c1', instance = 'g1'): Command => ({
  type: 'Attach',
  attach: attach(connection, instance),
});
export const detached = (connection = 'c1'): Command => ({ type: 'Detach', connection });
export const granted = (epoch: number): Command => ({
  type: 'GrantLease',
  lease: { leaseId: `l${epoch}`, epoch, workerId: `w${epoch}`, taskQueue: `worker.w${epoch}` },
});
export const lost = (epoch: number): Command => ({ type: 'LoseWorker', epoch });
export const streamEnded = (epoch: number, why: StreamOutcome['why'], generation = 1): Command => ({
  type: 'EndStream',
  epoch,
  generation,
  outcome: { why, detail: null },
  mayPassOver: true,
});
/** Segments [first, end) of an epoch. */
export const committed = (epoch: number, first: number, end: number): Command => ({
  type: 'CommitSegments',
  commit: {
    epoch,
    segments: Array.from({ length: end - first }, (_, i) => segment(first + i)),
    throughByte: end * 32_000,
  },
});
export const finished = (endByte: number): Command => ({ type: 'FinishAudio', endByte });
export const EXPIRED: Command = { type: 'ExpireWindow' };
export const CANCELLED: Command = { type: 'Cancel' };

export const apply = (state: StreamState, events: readonly SessionEvent[]): StreamState => events.reduce(evolve, state);

/** The state after commands, each a second after the one before. */
export function given(input: StreamInput, ...commands: readonly Command[]): StreamState {
  const start = initialState(input, START_MS);
  return commands.reduce((state, command, i) => apply(state, decide(command, state, atMs(i))), start);
}

const atMs = (step: number): number => START_MS + (step + 1) * 1000;

export const LATER_MS = START_MS + 60_000;

/** The types of the events that follow from a command. */
export const eventsOf = (state: StreamState, command: Command): string[] =>
  decide(command, state, LATER_MS).map((event) => event.type);

export const after = (state: StreamState, command: Command): StreamState =>
  apply(state, decide(command, state, LATER_MS));
