/**
 * The workflow as a model: the rules under test, wired as workflows/session/session.ts wires them, and what must be true of
 * them after every command.
 */
import { deepStrictEqual as deepEqual, ok, strictEqual as equal } from 'node:assert/strict';
import type {
  AttachAnswer,
  Attach,
  Commit,
  CommitAnswer,
  Lease,
  LiveInput,
  Segment,
  StreamArgs,
  StreamOutcome,
} from '../../workflows/contract.ts';
import { decide, pauseBeforeSlotMs, refuseAttach, refuseCommit } from '../../workflows/session/decide.ts';
import type { Command } from '../../workflows/session/decide.ts';
import { streamArgsOf } from '../../workflows/session/project.ts';
import { evolve, initialState } from '../../workflows/session/state.ts';
import type { Phase, SessionEvent, StreamState } from '../../workflows/session/state.ts';
import type { Clock } from './clock.ts';

/** What is under test; a test may put a broken rule in its place. */
export interface Rules {
  readonly decide: typeof decide;
  readonly evolve: typeof evolve;
  readonly refuseCommit: typeof refuseCommit;
}

export const RULES: Rules = { decide, evolve, refuseCommit };

/** The world, as the workflow's activities reach it. */
export interface Outside {
  /** A slot is wanted; `answer(null)` when the request came to nothing. */
  allocate(epoch: number, answer: (lease: Lease | null) => void): { cancel(): void };
  /** The stream activity. `cancel`: the workflow takes the lease back. `leave`: the run is over, the session is not. */
  stream(args: StreamArgs, answer: (outcome: StreamOutcome) => void): { cancel(): void; leave(): void };
  handOver(lease: Lease, failed: () => void): void;
}

interface Activity {
  readonly gateway: string | undefined;
  readonly endForced: boolean;
  readonly control: { cancel(): void; leave(): void };
}

const CHECKPOINT_EVERY = 4;
/** A byte is 100 ms of speech here: 3 s. */
const SKIP_BYTES = 30;

export class Host {
  state: StreamState;
  /** Every segment that was committed, in order. */
  readonly finals: Segment[] = [];
  epochs: number[] = [];
  readonly #clock: Clock;
  readonly #rules: Rules;
  readonly #input: LiveInput;
  readonly #outside: Outside;
  #runStart: StreamState;
  #events: SessionEvent[] = [];
  /** Counts continue-as-news: what an earlier run asked for does not answer a later one. */
  #run = 0;
  #entered: Phase | null = null;
  #request: { cancel(): void } | null = null;
  #activity: Activity | null = null;
  #handedOver = 0;
  #checkpointing = false;
  #watched = '';

  constructor(clock: Clock, rules: Rules, input: LiveInput, outside: Outside) {
    [this.#clock, this.#rules, this.#input, this.#outside] = [clock, rules, input, outside];
    this.state = this.#runStart = initialState(input, clock.nowMs);
    this.#watchTime();
  }

  get hasEnded(): boolean {
    return this.state.phase.name === 'ended';
  }

  // ---- messages

  attach(attach: Attach): AttachAnswer | 'ended' {
    if (refuseAttach(this.state, attach, this.#input.audio) !== null) return 'ended';
    this.handle({ type: 'Attach', attach });
    const { generation, nextIndex, throughByte, audioEndByte } = this.state;
    const { audio, model, language } = this.#input;
    return { generation, nextIndex, throughByte, audioEndByte, audio, model, language };
  }

  /** @param leaseId whose commit it is: the rules know the epoch only */
  commit(commit: Commit, leaseId: string): CommitAnswer | 'fenced' {
    if (this.#rules.refuseCommit(this.state, commit) !== null) return 'fenced';
    const { phase } = this.state;
    equal(phase.name === 'streaming' ? phase.lease.leaseId : null, leaseId, 'only the lease that holds commits');
    this.handle({ type: 'CommitSegments', commit });
    this.#checkpointWhenDue();
    return { nextIndex: this.state.nextIndex, rotate: this.#clock.chance(0.05) };
  }

  handle(command: Command): void {
    const before = this.state;
    this.#record(this.#rules.decide(command, before, this.#clock.nowMs).map((event) => scaled(event, before)));
    if (this.state !== before) this.#check(before);
    this.#react();
  }

  #record(events: readonly SessionEvent[]): void {
    for (const event of events) {
      this.#events.push(event);
      if (event.type === 'SegmentsCommitted') this.finals.push(...event.segments);
      if (event.type === 'LeaseGranted') this.epochs.push(event.lease.epoch);
      this.state = this.#rules.evolve(this.state, event);
    }
  }

  // ---- what must be true

  #refold(): StreamState {
    return this.#events.reduce(this.#rules.evolve, this.#runStart);
  }

  #check(before: StreamState): void {
    const { state, finals } = this;
    deepEqual(this.#refold(), state, 'folding the events gives the state');
    ok(
      finals.every(({ index }, i) => index === i),
      'finals are numbered without gaps, each once',
    );
    equal(state.nextIndex, finals.length, 'the next index follows the last final');
    deepEqual(state.tail, finals.slice(state.tailFrom), 'a committed final does not change');
    ok(state.throughByte >= before.throughByte, 'audio that is accounted for stays so');
    ok(
      this.epochs.every((epoch, i) => i === 0 || epoch > (this.epochs[i - 1] ?? 0)),
      'epochs rise',
    );
    if (state.phase.name === 'streaming')
      equal(state.phase.lease.epoch, state.epoch, 'the lease is of the newest epoch');
    if (state.phase.name === 'idle') ok(!hasWork(state), 'a session with work to do is not idle');
    if (before.phase.name === 'ended') deepEqual(state, before, 'a session ends once');
  }

  // ---- the process

  /** The process dies and another takes over: the state is what the history says. */
  crash(): void {
    this.state = this.#refold();
  }

  /** @param isAsked the stream ended for it; otherwise its activity is left behind */
  continueAsNew(): void {
    if (this.hasEnded || this.state.phase.name === 'closing') return;
    this.#activity?.control.leave();
    this.#request?.cancel();
    this.#activity = this.#request = this.#entered = null;
    this.#handedOver = 0;
    this.#run += 1;
    this.state = this.#runStart = JSON.parse(JSON.stringify(this.state)) as StreamState;
    this.#events = [];
    this.#checkpointing = false;
    this.#react();
  }

  // ---- what follows from a phase

  #react(): void {
    this.#watchTime();
    const { phase } = this.state;
    if (phase !== this.#entered) this.#enter(phase);
    else if (phase.name === 'streaming') this.#followStream(phase);
  }

  #enter(phase: Phase): void {
    this.#request?.cancel();
    this.#activity?.control.cancel();
    this.#request = this.#activity = null;
    this.#entered = phase;
    if (phase.name === 'queued') this.#restAfterLosses(phase);
    else if (phase.name === 'streaming') this.#followStream(phase);
    else if (phase.name === 'closing') this.#clock.after(this.#clock.between(5, 3000), () => this.#end());
  }

  #restAfterLosses(phase: Phase): void {
    const run = this.#run;
    if (pauseBeforeSlotMs(this.state) > 0) this.handle({ type: 'GiveUp' });
    if (this.#entered !== phase) return;
    const restMs = pauseBeforeSlotMs(this.state);
    if (restMs === 0) this.#askForSlot(phase);
    else this.#clock.after(restMs, () => run === this.#run && this.#entered === phase && this.#askForSlot(phase));
  }

  #askForSlot(phase: Phase): void {
    const run = this.#run;
    this.#request = this.#outside.allocate(this.state.epoch + 1, (lease) => {
      if (run !== this.#run || this.#entered !== phase) return;
      if (lease === null) this.#askForSlot(phase);
      else this.handle({ type: 'GrantLease', lease });
    });
  }

  /** A stream for the lease; another one when the client has come through another gateway, or is not waited for any more. */
  #followStream(phase: Extract<Phase, { name: 'streaming' }>): void {
    const { gateway, endForced, generation, handoverEpoch, epoch } = this.state;
    const { lease } = phase;
    if (handoverEpoch === epoch && this.#handedOver !== epoch) {
      this.#handedOver = epoch;
      this.#outside.handOver(lease, () => this.handle({ type: 'LoseWorker', epoch }));
    }
    const before = this.#activity;
    if (before?.gateway === gateway?.instance && before?.endForced === endForced) return;
    const run = this.#run;
    const args = streamArgsOf(this.state, this.#input, 'session');
    const control = this.#outside.stream(args, (outcome) => {
      if (run !== this.#run || this.#activity?.control !== control || this.#entered !== phase) return;
      this.#streamEnded(epoch, outcome.generation ?? generation, outcome);
    });
    this.#activity = { gateway: gateway?.instance, endForced, control };
  }

  #streamEnded(epoch: number, generation: number, outcome: StreamOutcome): void {
    this.#activity = null;
    const { phase } = this.state;
    this.handle({ type: 'EndStream', epoch, generation, outcome, mayPassOver: true });
    if (outcome.why === 'rotate') this.continueAsNew();
    // Superseded: the loop of the real one has begun another activity already, or does so now.
    else if (this.state.phase === phase) this.#react();
  }

  #end(): void {
    const before = this.state;
    this.#record([{ type: 'SessionEnded' }]);
    this.#check(before);
    this.#entered = this.state.phase;
  }

  #checkpointWhenDue(): void {
    const { tail, tailFrom } = this.state;
    if (this.#checkpointing || tail.length < CHECKPOINT_EVERY) return;
    this.#checkpointing = true;
    const run = this.#run;
    this.#clock.after(this.#clock.between(5, 2000), () => {
      if (run !== this.#run || this.hasEnded) return;
      this.#checkpointing = false;
      this.#record([{ type: 'SegmentsCheckpointed', end: tailFrom + tail.length }]);
    });
  }

  /** The resume window and the longest life of a session: looked at again when a client comes or goes. */
  #watchTime(): void {
    const { detachedAtMs, startedAtMs, generation, endForced } = this.state;
    const watched = `${this.#run}/${detachedAtMs}/${generation}`;
    if (endForced || watched === this.#watched) return;
    this.#watched = watched;
    const { resumeWindowMs, maxSessionMs } = this.#input.bounds;
    const window = detachedAtMs === null ? Infinity : detachedAtMs + resumeWindowMs;
    const waitMs = Math.min(window, startedAtMs + maxSessionMs) - this.#clock.nowMs;
    this.#clock.after(Math.max(0, waitMs), () => {
      if (watched === this.#watched) this.handle({ type: 'ExpireWindow' });
    });
  }
}

/** As much is passed over as the short calls here can do without. */
const scaled = (event: SessionEvent, { throughByte }: StreamState): SessionEvent =>
  event.type === 'AudioSkipped' ? { ...event, toByte: Math.min(event.toByte, throughByte + SKIP_BYTES) } : event;

const hasWork = ({ client, audioEndByte, endForced }: StreamState): boolean =>
  client !== null || audioEndByte !== null || endForced;
