/**
 * The wiring of a stream of speech: messages and activity results become commands, `decide` says what follows, `evolve`
 * makes it true. Lease, stream, commit, rotate: see docs/architecture.md.
 */
import {
  ActivityCancellationType,
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { QUERY, SIGNAL, UPDATE, poolQueue } from '../contract.ts';
import type {
  Attach,
  AttachAnswer,
  AudioFormat,
  Commit,
  CommitAnswer,
  ControlActivities,
  Detach,
  FinishAudio,
  Lease,
  LiveInput,
  PoolActivities,
  SegmentsAnswer,
  SessionResult,
  SessionView,
  SpanInput,
  StreamInput,
  StreamOutcome,
  TranscriptWritten,
  WorkerActivities,
  WorkerLost,
  WriteTranscriptArgs,
} from '../contract.ts';
import { streamAttributes } from '../attributes.ts';
import { isDamage } from '../damage.ts';
import { IN_PLACE, RETRIED, inPlace } from '../in-place.ts';
import { DAMAGED, decide, pauseBeforeSlotMs, refuseAttach, refuseCommit } from './decide.ts';
import type { Command, Refusal } from './decide.ts';
import { priorityKey, resultOf, streamArgsOf, transcriptArgsOf, versionOf, viewOf } from './project.ts';
import { carriedState, evolve, initialState } from './state.ts';
import type { Phase, StreamState } from './state.ts';
import { repairHoles } from '../spans.ts';
import { announceEnd } from '../webhook/announce.ts';
import { tellResults } from '../webhook/tell-results.ts';

const attachUpdate = defineUpdate<AttachAnswer, [Attach]>(UPDATE.attach);
const commitUpdate = defineUpdate<CommitAnswer, [Commit]>(UPDATE.commit);
const detachSignal = defineSignal<[Detach]>(SIGNAL.detach);
const finishSignal = defineSignal<[FinishAudio]>(SIGNAL.finishAudio);
const workerLostSignal = defineSignal<[WorkerLost]>(SIGNAL.workerLost);
const handOverSignal = defineSignal(SIGNAL.handOver);
const cancelSignal = defineSignal(SIGNAL.cancel);
const viewQuery = defineQuery<SessionView>(QUERY.view);
const segmentsQuery = defineQuery<SegmentsAnswer, [number]>(QUERY.segments);

const refuse = ({ type, message }: Refusal): never => {
  throw ApplicationFailure.nonRetryable(message, type);
};

/**
 * Lets something go on beside the main course. Where Temporal itself cancels the workflow (its UI, or the file of a span)
 * that ends too; as a rejection that nobody hears it would fail every workflow task from then on.
 */
function beside(course: Promise<unknown>): void {
  course.catch((error: unknown) => {
    if (!isCancellation(error)) throw error;
  });
}

/** A file whose one span is transcribed in its own workflow. */
export interface Within {
  /** Lists show it as queued already. */
  readonly isListedQueued: boolean;
  /** Writes the span's transcript. */
  write(args: WriteTranscriptArgs): Promise<TranscriptWritten>;
}

/** One run of the workflow: its state, and how commands change it. */
class StreamRun {
  state: StreamState;
  readonly input: StreamInput;
  /** The workflow is a file's, which tells of itself but where its span waits or has a worker, and writes its transcript. */
  readonly within: Within | null;
  /** Requests for a slot that came to nothing, one after the other. */
  refusedLeases = 0;
  #checkpointing = false;

  constructor(input: StreamInput, carried: StreamState | undefined, within: Within | null = null) {
    this.input = input;
    this.within = within;
    this.state = carried === undefined ? initialState(input, Date.now()) : carriedState(carried);
  }

  handle(command: Command): void {
    const before = this.state;
    for (const event of decide(command, before, Date.now())) this.state = evolve(this.state, event);
    if (before.phase !== this.state.phase) this.publish();
  }

  /** A span's transcript is written in a moment: lists need not see that. */
  get #isPassing(): boolean {
    const { name } = this.state.phase;
    if (this.within !== null) return name !== 'queued' && name !== 'streaming';
    return name === 'closing' && this.input.kind === 'span' && this.input.bounds.inPlace === true;
  }

  /** Lists and filters see the new phase. */
  publish(): void {
    if (this.#isPassing) return;
    upsertSearchAttributes(streamAttributes(this.state.phase, this.#priorityKey(), Date.now()));
  }

  #priorityKey(): number {
    const { kind, priority } = this.input;
    const isUrgent = kind === 'span' && this.input.urgent === true;
    return priorityKey(isUrgent ? 'live' : kind, priority, isUrgent || this.hadLease);
  }

  /** A worker has served it before, in this life. */
  get hadLease(): boolean {
    const { input, state } = this;
    return state.epoch >= (input.kind === 'span' ? (input.firstEpoch ?? 1) : 1);
  }

  /** History has grown so far that the next quiet moment is used to continue as new. */
  wantsRotation(factor = 1): boolean {
    return workflowInfo().historyLength >= this.input.bounds.rotateAfterEvents * factor;
  }

  options(startToClose: ActivityOptions['startToCloseTimeout'] = '10s'): ActivityOptions {
    const { ref, weight } = this.input;
    return {
      startToCloseTimeout: startToClose ?? '10s',
      retry: { maximumAttempts: 1 },
      cancellationType: ActivityCancellationType.TRY_CANCEL,
      priority: {
        priorityKey: this.#priorityKey(),
        fairnessKey: ref.tenant,
        fairnessWeight: weight,
      },
    };
  }

  /** Writes the tail away once it is long enough. Never blocks the stream; retried until storage answers. */
  checkpointWhenDue(): void {
    const { tail, tailFrom } = this.state;
    if (this.#checkpointing || tail.length < this.input.bounds.checkpointEverySegments) return;
    this.#checkpointing = true;
    const span = this.input.kind === 'span' ? this.input.span : null;
    const end = tailFrom + tail.length;
    const written = control()
      .checkpointTranscript({ ref: this.input.ref, span, ...versionOf(this.input), segments: tail })
      .then(() => {
        this.#checkpointing = false;
        this.state = evolve(this.state, { type: 'SegmentsCheckpointed', end });
        this.checkpointWhenDue();
      });
    beside(written);
  }
}

type Writing = Pick<ControlActivities, 'checkpointTranscript' | 'writeTranscript'>;

const control = () => proxyActivities<Writing>({ startToCloseTimeout: '2m', retry: RETRIED });
const here = proxyLocalActivities<Pick<Writing, 'writeTranscript'>>(IN_PLACE);

function listen(run: StreamRun, format: AudioFormat): void {
  setHandler(
    attachUpdate,
    (attach) => {
      run.handle({ type: 'Attach', attach });
      const { generation, nextIndex, throughByte, audioEndByte } = run.state;
      const { model, language } = run.input;
      return { generation, nextIndex, throughByte, audioEndByte, audio: format, model, language };
    },
    {
      validator: (attach: Attach) => {
        const refusal = refuseAttach(run.state, attach, format);
        if (refusal !== null) refuse(refusal);
      },
    },
  );
  setHandler(detachSignal, ({ connection }) => run.handle({ type: 'Detach', connection }));
  setHandler(finishSignal, ({ endByte }) => run.handle({ type: 'FinishAudio', endByte }));
}

/** What workers and gateways say. */
function serve(run: StreamRun): void {
  setHandler(
    commitUpdate,
    (commit) => {
      run.handle({ type: 'CommitSegments', commit });
      run.checkpointWhenDue();
      return { nextIndex: run.state.nextIndex, rotate: run.wantsRotation() };
    },
    {
      validator: (commit: Commit) => {
        const refusal = refuseCommit(run.state, commit);
        if (refusal !== null) refuse(refusal);
      },
    },
  );
  setHandler(workerLostSignal, ({ epoch }) => run.handle({ type: 'LoseWorker', epoch }));
  setHandler(handOverSignal, () => run.handle({ type: 'HandOver' }));
}

/** And clients. */
function show(run: StreamRun): void {
  setHandler(cancelSignal, () => run.handle({ type: 'Cancel' }));
  setHandler(viewQuery, () => viewOf(run.state, run.input));
  setHandler(segmentsQuery, (from) => ({
    tailFrom: run.state.tailFrom,
    segments: run.state.tail.filter((segment) => segment.index >= from),
  }));
}

/** Ends the session when its client stays away longer than the resume window, or when it has lived too long. */
async function watchTime(run: StreamRun): Promise<never> {
  const { resumeWindowMs, maxSessionMs } = run.input.bounds;
  for (;;) {
    const { detachedAtMs, startedAtMs, generation, endForced } = run.state;
    if (endForced) return await new Promise<never>(() => undefined);
    const window = detachedAtMs === null ? Infinity : detachedAtMs + resumeWindowMs;
    const untilMs = Math.min(window, startedAtMs + maxSessionMs);
    const changed = () => run.state.generation !== generation || run.state.detachedAtMs !== detachedAtMs;
    const waitMs = untilMs - Date.now();
    if (waitMs <= 0 || !(await condition(changed, waitMs))) run.handle({ type: 'ExpireWindow' });
  }
}

/** A worker grants a lease at once. One that hangs may hold a poll still and be given the request: found by this limit. */
const GRANT_LIMIT_MS = 750;
/** Each time it takes twice as long: where everything is slow, a short limit would only make more work. */
const LAST_GRANT_LIMIT_MS = 12_000;
/**
 * A session that has just lost its worker is the likeliest to be given to the one that hangs, whose poll may still stand (it
 * has one), and its speaker waits: after this it asks a second time beside the first, and takes what is granted first. A slot
 * that is granted besides is free again after a lease's time to live.
 */
const SECOND_REQUEST_MS = 100;

/** Answers whether a slot is still wanted. */
async function restAfterLosses(run: StreamRun, phase: Phase): Promise<boolean> {
  const pauseMs = pauseBeforeSlotMs(run.state);
  if (pauseMs === 0 || run.refusedLeases > 0 || !patched('rest-after-losses')) return true;
  run.handle({ type: 'GiveUp' });
  if (run.state.phase !== phase) return false;
  const restMs = pauseBeforeSlotMs(run.state);
  return restMs === 0 || !(await condition(() => run.state.phase !== phase, restMs));
}

/** A slot is asked for in the pool's queue: waiting there is Temporal's, by priority and fairness. */
async function waitForLease(run: StreamRun, phase: Phase): Promise<void> {
  if (!(await restAfterLosses(run, phase))) return;
  const scope = new CancellationScope();
  const requests = { made: 0, failed: 0 };
  const request = (): void => {
    requests.made += 1;
    scope
      .run(() => allocate(run))
      .then(
        (lease) => run.handle({ type: 'GrantLease', lease }),
        () => (requests.failed += 1),
      );
  };
  const isSettled = () => run.state.phase !== phase || requests.failed === requests.made || run.wantsRotation(10);
  request();
  const isUrgent = run.hadLease && run.refusedLeases === 0 && patched('second-request');
  if (isUrgent && !(await condition(isSettled, SECOND_REQUEST_MS))) request();
  await condition(isSettled);
  scope.cancel();
  if (requests.failed < requests.made || run.state.phase !== phase) {
    run.refusedLeases = 0;
    return;
  }
  // Each activity is tried once: the slot is asked for anew, at once the first time.
  if (run.refusedLeases > 0) await sleep('200ms');
  run.refusedLeases += 1;
}

function allocate(run: StreamRun): Promise<Lease> {
  const limitMs = Math.min(GRANT_LIMIT_MS * 2 ** run.refusedLeases, LAST_GRANT_LIMIT_MS);
  const { model, bounds } = run.input;
  return proxyActivities<PoolActivities>({ ...run.options(limitMs), taskQueue: poolQueue(model) }).allocateWorker({
    workflowId: workflowInfo().workflowId,
    epoch: run.state.epoch + 1,
    model,
    leaseTtlMs: bounds.leaseTtlMs,
  });
}

/**
 * A worker that dies before it has dialled, or after it has hung up and before its outcome is heard, is noticed by nobody
 * else. The streams of spans are so short that this happens; what is heard again of one is little.
 */
const SPAN_HEARTBEAT_MS = 12_000;

const heartbeatTimeoutMs = ({ kind, bounds }: StreamInput): number =>
  kind === 'span' ? Math.min(SPAN_HEARTBEAT_MS, bounds.heartbeatTimeoutMs) : bounds.heartbeatTimeoutMs;

/**
 * The lease's stream. An attach through another gateway starts the activity anew with the new address: the worker's lease
 * goes on and dials there. Answers whether the workflow is to continue as new.
 */
async function stream(run: StreamRun, phase: Extract<Phase, { name: 'streaming' }>): Promise<boolean> {
  const { leaseTtlMs } = run.input.bounds;
  const here = () => run.state.phase === phase;
  beside(handOverWhenWanted(run, phase));
  for (;;) {
    const args = streamArgsOf(run.state, run.input, workflowInfo().workflowId);
    const { generation, gateway, endForced } = run.state;
    const moved = () => run.state.gateway?.instance !== gateway?.instance || run.state.endForced !== endForced;
    const scope = new CancellationScope();
    const held: { outcome: StreamOutcome | null } = { outcome: null };
    scope
      .run(() =>
        proxyActivities<WorkerActivities>({
          ...run.options('2400h'),
          taskQueue: args.lease.taskQueue,
          scheduleToStartTimeout: leaseTtlMs + 1000,
          heartbeatTimeout: heartbeatTimeoutMs(run.input),
        }).streamChunks(args),
      )
      .then(
        (answer) => (held.outcome = answer),
        (error: unknown) => (held.outcome = { why: 'leaseExpired', detail: String(error) }),
      );
    await condition(() => held.outcome !== null || !here() || moved() || run.wantsRotation(2));
    if (!here()) scope.cancel();
    const { outcome } = held;
    if (!here() || (outcome === null && run.wantsRotation(2))) return here();
    if (outcome === null) continue;
    return endStream(run, args.lease.epoch, generation, outcome);
  }
}

/** Tells the worker that another one is to take over; a worker that does not hear it is replaced like any that is lost. */
async function handOverWhenWanted(run: StreamRun, phase: Extract<Phase, { name: 'streaming' }>): Promise<void> {
  const { leaseId, epoch, taskQueue } = phase.lease;
  const wanted = () => run.state.handoverEpoch === epoch;
  await condition(() => wanted() || run.state.phase !== phase);
  if (run.state.phase !== phase) return;
  const activities = proxyActivities<WorkerActivities>({
    ...run.options('10s'),
    taskQueue,
    scheduleToCloseTimeout: '10s',
  });
  await activities.handOverLease({ leaseId }).catch(() => run.handle({ type: 'LoseWorker', epoch }));
}

/** @param asked the newest attach when the stream was asked for; the lease may have begun to end before that. */
function endStream(run: StreamRun, epoch: number, asked: number, outcome: StreamOutcome): boolean {
  const mayPassOver = outcome.why === 'engineFailed' && patched('audio-passed-over');
  run.handle({ type: 'EndStream', epoch, generation: outcome.generation ?? asked, outcome, mayPassOver });
  return outcome.why === 'rotate';
}

async function close(run: StreamRun, phase: Extract<Phase, { name: 'closing' }>): Promise<void> {
  try {
    const { segments, holes } = await writeRepaired(run, transcriptArgsOf(run.state, run.input, phase.ending));
    run.state = evolve(run.state, { type: 'HolesRepaired', segments: segments - run.state.nextIndex, holes });
  } catch (error) {
    if (!isDamage(error)) throw error;
    run.state = evolve(run.state, { type: 'SessionClosing', ending: DAMAGED });
  }
  run.state = evolve(run.state, { type: 'SessionEnded' });
  run.publish();
}

/** What of the audio has no text is transcribed again, alone, before the transcript is written. */
async function writeRepaired(run: StreamRun, args: WriteTranscriptArgs): Promise<TranscriptWritten> {
  const { input, within } = run;
  if (within !== null) return within.write(args);
  if (input.kind === 'span') {
    return inPlace(
      input.bounds.inPlace === true,
      () => here.writeTranscript(args),
      () => write(args),
    );
  }
  const written = await write(args);
  if (args.repairs !== null || written.holes.length === 0) return written;
  return write({ ...args, repairs: await repairHoles(input, 0, written.holes, true) });
}

/** An orchestrator of an earlier version has answered nothing: it knew of no holes. */
async function write(args: WriteTranscriptArgs): Promise<TranscriptWritten> {
  const written = (await control().writeTranscript(args)) as TranscriptWritten | undefined;
  return written ?? { segments: args.segmentCount, holes: [] };
}

/** Runs until the session has ended or the workflow is to continue as new. */
async function runPhases(run: StreamRun): Promise<'ended' | 'rotate'> {
  for (;;) {
    const { phase } = run.state;
    switch (phase.name) {
      case 'idle':
        await condition(() => run.state.phase !== phase || run.wantsRotation(2));
        break;
      case 'queued':
        await waitForLease(run, phase);
        break;
      case 'streaming':
        if (await stream(run, phase)) return 'rotate';
        break;
      case 'closing':
        await close(run, phase);
        break;
      case 'ended':
        return 'ended';
      default:
        return phase satisfies never;
    }
    if (run.wantsRotation(2) && run.state.phase.name !== 'closing' && run.state.phase.name !== 'ended') return 'rotate';
  }
}

/** Where Temporal itself cancels a live session (its UI), that ends it as our own `cancel` does: with its transcript. */
async function runUncut(run: StreamRun): Promise<'ended' | 'rotate'> {
  try {
    return await runPhases(run);
  } catch (error) {
    if (!isCancellation(error) || run.input.kind !== 'live' || !patched('cancelled-with-transcript')) throw error;
    return CancellationScope.nonCancellable(() => {
      run.handle({ type: 'Cancel' });
      return runPhases(run);
    });
  }
}

/** @param ended tells who is to know. */
async function runStream(
  input: StreamInput,
  run: StreamRun,
  ended: (result: SessionResult) => Promise<void>,
): Promise<SessionResult> {
  serve(run);
  show(run);
  // The run before may have left one unfinished; while too much waits for it no commit comes that would begin another.
  run.checkpointWhenDue();
  const how = await runUncut(run);
  if (how === 'ended') await ended(resultOf(run.state, input));
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  if (how === 'rotate') {
    return await continueAsNew<(input: StreamInput, state: StreamState) => Promise<SessionResult>>(input, run.state);
  }
  const result = resultOf(run.state, input);
  return input.kind === 'live' ? { ...result, view: viewOf(run.state, input) } : result;
}

/** A live session: one client's stream of audio, through however many connections, workers and gateways. */
export function session(input: LiveInput, carried?: StreamState): Promise<SessionResult> {
  const run = new StreamRun(input, carried);
  listen(run, input.audio);
  beside(watchTime(run));
  const telling = tellResults(input, carried === undefined, () => run.state.nextIndex);
  return runStream(input, run, async (result) => {
    await announceEnd(input, result);
    await telling.end(result);
  });
}

/** One span of a file, by the same code as live audio. */
export function span(input: SpanInput, carried?: StreamState): Promise<SessionResult> {
  return runStream(input, new StreamRun(input, carried), () => Promise.resolve());
}

/** The one span of a file, in the file's own workflow: by the same code. */
export class SpanWithin {
  readonly #run: StreamRun;
  readonly #isListed: boolean;

  /** @param carried what the run before has left. */
  constructor(input: SpanInput, carried: StreamState | undefined, within: Within) {
    this.#run = new StreamRun(input, carried, within);
    this.#isListed = carried !== undefined || within.isListedQueued;
  }

  /** Plain JSON: carried through continue-as-new. */
  get state(): StreamState {
    return this.#run.state;
  }

  /** Runs until the span has ended or the workflow is to continue as new. */
  async transcribe(): Promise<SessionResult | 'rotate'> {
    const run = this.#run;
    serve(run);
    if (!this.#isListed) run.publish();
    run.checkpointWhenDue();
    try {
      return (await runPhases(run)) === 'rotate' ? 'rotate' : resultOf(run.state, run.input);
    } catch (error) {
      // It is over, and nothing more is committed.
      run.handle({ type: 'Cancel' });
      throw error;
    }
  }
}
