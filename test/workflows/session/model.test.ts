/**
 * Random histories of a session: every message may come late, twice, out of order or from an epoch long gone, and the
 * process may die between any two (the state is then folded from the events again). What must hold, holds after each step.
 */
import { deepStrictEqual as deepEqual, ok, strictEqual as equal } from 'node:assert/strict';
import fc from 'fast-check';
import type { Attach, Commit, Segment, StreamInput, StreamOutcome } from '../../../workflows/contract.ts';
import { decide, refuseAttach, refuseCommit } from '../../../workflows/session/decide.ts';
import type { Command } from '../../../workflows/session/decide.ts';
import { evolve, initialState } from '../../../workflows/session/state.ts';
import type { SessionEvent, StreamState } from '../../../workflows/session/state.ts';
import { live, segment, span, START_MS } from './given.ts';

const WHY: StreamOutcome['why'][] = [
  'end',
  'rotate',
  'paused',
  'gatewayLost',
  'superseded',
  'handedOver',
  'leaseExpired',
  'fenced',
  'engineFailed',
];

/** What happens next. Numbers are relative to the state at that moment, so that both sense and nonsense come often. */
type Step =
  | { readonly kind: 'attach'; readonly connection: number; readonly gateway: number }
  | { readonly kind: 'detach'; readonly connection: number }
  | { readonly kind: 'grant'; readonly ahead: number }
  | { readonly kind: 'lose'; readonly behind: number }
  | { readonly kind: 'endStream'; readonly behind: number; readonly why: StreamOutcome['why']; readonly older: number }
  | {
      readonly kind: 'commit';
      readonly behind: number;
      readonly from: number;
      readonly count: number;
      readonly hole: boolean;
      readonly bytes: number;
    }
  | { readonly kind: 'checkpoint'; readonly keep: number }
  | { readonly kind: 'finish'; readonly bytes: number }
  | { readonly kind: 'expire' | 'cancel' | 'close' | 'crash' | 'handOver' }
  | { readonly kind: 'again'; readonly which: number };

const small = (max: number) => fc.nat({ max });
/** Mostly 0: the present epoch. */
const behind = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, small(3));

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('attach' as const), connection: small(3), gateway: small(2) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('detach' as const), connection: small(3) }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('grant' as const), ahead: fc.integer({ min: -1, max: 2 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), behind }) },
  {
    weight: 3,
    // `end` is rare: most histories should go on for a while.
    arbitrary: fc.record({
      kind: fc.constant('endStream' as const),
      behind,
      why: fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...WHY.slice(1)) }, fc.constant('end' as const)),
      older: small(2),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      behind,
      from: fc.integer({ min: -3, max: 1 }),
      count: small(4),
      hole: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.constant(true)),
      bytes: fc.integer({ min: -50_000, max: 200_000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const), keep: small(6) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), bytes: small(500_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('expire' as const, 'crash' as const, 'close' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), which: small(200) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('crash' as const, 'handOver' as const, 'cancel' as const) }),
  },
);

const attachOf = (connection: number, gateway: number): Attach => ({
  connection: `c${connection}`,
  gateway: { url: `ws://g${gateway}`, instance: `g${gateway}` },
  audio: live.audio,
});

function commitOf(
  state: StreamState,
  { behind: old, from, count, hole, bytes }: Extract<Step, { kind: 'commit' }>,
): Commit {
  const first = Math.max(0, state.nextIndex + from);
  const epoch = state.epoch - old;
  // The text tells who wrote it: a final that another epoch rewrote would be seen.
  const segments = Array.from({ length: count }, (_, i) => segment(first + i, `epoch ${epoch}`));
  return {
    epoch,
    segments: hole ? segments.filter((_, i) => i !== 1) : segments,
    throughByte: state.throughByte + bytes,
  };
}

function commandOf(state: StreamState, next: Step): Command | null {
  switch (next.kind) {
    case 'attach':
      return { type: 'Attach', attach: attachOf(next.connection, next.gateway) };
    case 'detach':
      return { type: 'Detach', connection: `c${next.connection}` };
    case 'grant': {
      const epoch = state.epoch + next.ahead;
      return { type: 'GrantLease', lease: { leaseId: `l${epoch}`, epoch, workerId: 'w', taskQueue: 'worker.w' } };
    }
    case 'lose':
      return { type: 'LoseWorker', epoch: state.epoch - next.behind };
    case 'endStream':
      return {
        type: 'EndStream',
        epoch: state.epoch - next.behind,
        generation: state.generation - next.older,
        outcome: { why: next.why, detail: null },
      };
    case 'commit':
      return { type: 'CommitSegments', commit: commitOf(state, next) };
    case 'finish':
      return { type: 'FinishAudio', endByte: next.bytes };
    case 'handOver':
      return { type: 'HandOver' };
    case 'expire':
      return { type: 'ExpireWindow' };
    case 'cancel':
      return { type: 'Cancel' };
    default:
      return null;
  }
}

const isOver = ({ phase }: StreamState): boolean => phase.name === 'closing' || phase.name === 'ended';

class Model {
  readonly input: StreamInput;
  readonly events: SessionEvent[] = [];
  readonly finals: Segment[] = [];
  readonly commands: Command[] = [];
  state: StreamState;
  #nowMs = START_MS;

  constructor(input: StreamInput) {
    this.input = input;
    this.state = initialState(input, START_MS);
  }

  refold(): StreamState {
    return this.events.reduce(evolve, initialState(this.input, START_MS));
  }

  take(next: Step): void {
    this.#nowMs += 1000;
    const before = this.state;
    if (next.kind === 'crash') this.state = this.refold();
    else if (next.kind === 'again')
      this.#command(this.commands[next.which % Math.max(1, this.commands.length)] ?? null);
    else if (next.kind === 'close') this.#record(before.phase.name === 'closing' ? [{ type: 'SessionEnded' }] : []);
    else if (next.kind === 'checkpoint') this.#checkpoint(next.keep);
    else this.#command(commandOf(before, next));
    this.#check(before);
  }

  #command(command: Command | null): void {
    if (command === null) return;
    this.commands.push(command);
    const before = this.state;
    const events = decide(command, before, this.#nowMs);
    if (isRefused(before, command)) equal(events.length, 0, 'what is refused changes nothing');
    this.#record(events);
  }

  /** As the workflow does it: of the tail that was there, at any time later. */
  #checkpoint(keep: number): void {
    const { tail, tailFrom } = this.state;
    if (tail.length > keep && !isOver(this.state)) {
      this.#record([{ type: 'SegmentsCheckpointed', end: tailFrom + tail.length - keep }]);
    }
  }

  #record(events: readonly SessionEvent[]): void {
    for (const event of events) {
      this.events.push(event);
      if (event.type === 'SegmentsCommitted') this.finals.push(...event.segments);
      this.state = evolve(this.state, event);
    }
  }

  #check(before: StreamState): void {
    const { state, finals } = this;
    ok(
      finals.every(({ index }, i) => index === i),
      'finals are numbered without gaps',
    );
    equal(state.nextIndex, finals.length, 'a final is appended once');
    deepEqual(state.tail, finals.slice(state.tailFrom), 'the tail is what no checkpoint holds, as it was committed');
    ok(state.throughByte >= before.throughByte, 'audio that was accounted for stays so');
    ok(state.epoch >= before.epoch && state.generation >= before.generation, 'epochs and generations rise');
    ok(before.audioEndByte === null || state.audioEndByte === before.audioEndByte, 'the audio ends once');
    ok(state.handoverEpoch <= state.epoch, 'only a lease that is there is handed over');
    ok(!before.endForced || state.endForced, 'a forced end stays');
    ok(state.client === null || state.detachedAtMs === null, 'a client that is here is not away');
    this.#checkLease(before);
    if (isOver(before)) this.#checkOver(before);
    deepEqual(this.refold(), state, 'all events from the start give the same state');
    deepEqual(JSON.parse(JSON.stringify(state)), state, 'the state is plain JSON');
  }

  /** At most one lease, of the newest epoch; another lease means a higher epoch. */
  #checkLease(before: StreamState): void {
    const { phase, epoch } = this.state;
    if (phase.name !== 'streaming') return;
    equal(phase.lease.epoch, epoch, 'the lease is of the newest epoch');
    if (before.phase.name === 'streaming') deepEqual(phase.lease, before.phase.lease, 'a lease is not swapped');
    else ok(epoch > before.epoch, 'a new lease has a higher epoch');
  }

  #checkOver(before: StreamState): void {
    ok(
      isOver(this.state) && (before.phase.name !== 'ended' || this.state.phase.name === 'ended'),
      'the end is the end',
    );
    deepEqual({ ...this.state, phase: null }, { ...before, phase: null }, 'nothing changes after the end');
    deepEqual(endingOf(this.state), endingOf(before), 'a session ends in one way');
  }
}

const endingOf = ({ phase }: StreamState) => ('ending' in phase ? phase.ending : null);

/** Whether the validators, which are asked first, would refuse. */
function isRefused(state: StreamState, command: Command): boolean {
  if (command.type === 'CommitSegments') return refuseCommit(state, command.commit) !== null;
  return command.type === 'Attach' && refuseAttach(state, command.attach, live.audio) !== null;
}

const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });

/** fast-check prints the seed and the shortest failing history. */
const always = (input: StreamInput): void =>
  fc.assert(
    fc.property(steps, (history) => {
      const model = new Model(input);
      for (const next of history) model.take(next);
    }),
    { numRuns: 2000, seed: 20_250_101 },
  );

test('a live session keeps its promises whatever comes, in whatever order', () => always(live));

test('a span keeps its promises whatever comes, in whatever order', () => always(span));

test('the histories reach every phase, several leases and refused commits', () => {
  const seen = new Set<string>();
  let leases = 0;
  let refused = 0;
  for (const history of fc.sample(steps, { numRuns: 500, seed: 7 })) {
    const model = new Model(live);
    for (const next of history) {
      model.take(next);
      seen.add(model.state.phase.name);
    }
    leases = Math.max(leases, model.state.epoch);
    refused += model.commands.filter((command) => isRefused(model.state, command)).length;
  }
  expect([...seen].sort()).toEqual(['closing', 'ended', 'idle', 'queued', 'streaming']);
  expect(leases).toBeGreaterThan(3);
  expect(refused).toBeGreaterThan(100);
});
