/**
 * A file: decoded into an audio log for each channel, cut at silences into spans, which are sessions of their own side by
 * side, and joined in the order of time. It may be stopped, and started again under the same id: what spans have finished
 * is in storage and is not done again. A version is the same for audio that is stored already.
 */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  patched,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
} from '@temporalio/workflow';
import { LOG_BYTES_PER_MS, PREPARE_QUEUE, QUERY, REFUSAL, SIGNAL, UPDATE, UPLOAD_MISSING } from './contract.ts';
import type {
  Attach,
  AttachAnswer,
  ControlActivities,
  FileInput,
  FilePlan,
  FileResult,
  FileSpan,
  FinishFileArgs,
  PrepareAnswer,
  ProbedAnswer,
  SessionView,
  VersionInput,
} from './contract.ts';
import { fileOfBefore } from './file-before.ts';
import { CANCELLED, COMPLETED, STOPPED, endingOf } from './file-ending.ts';
import type { FileEnding } from './file-ending.ts';
import { FileRun } from './file-run.ts';
import type { FileState } from './file-run.ts';
import { SpanLanes, spanOptions } from './file-spans.ts';
import { mayBePlain } from './file/plain.ts';
import { fetchSource } from './file/source.ts';
import { IN_PLACE, RETRIED, inPlace } from './in-place.ts';
import { joinedSpans, undone } from './plan.ts';
import { repairEach } from './spans.ts';
import { announceEnd } from './webhook/announce.ts';

const probedUpdate = defineUpdate<ProbedAnswer>(UPDATE.probed);
const attachUpdate = defineUpdate<AttachAnswer, [Attach]>(UPDATE.attach);
const cancelSignal = defineSignal(SIGNAL.cancel);
const stopSignal = defineSignal(SIGNAL.stop);
const viewQuery = defineQuery<SessionView>(QUERY.view);
const inputQuery = defineQuery<FileInput | VersionInput>(QUERY.input);

/** Of a larger upload the beginning is looked at first, so that a bad one is refused before all of it is decoded. */
const PROBED_FROM_BYTES = 8 << 20;

const preparation = proxyActivities<Pick<ControlActivities, 'probeAudio' | 'prepareFile' | 'planStored'>>({
  taskQueue: PREPARE_QUEUE,
  startToCloseTimeout: '6h',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
});
type Writing = Pick<ControlActivities, 'surveySpans' | 'finishFile' | 'discardUpload'>;
const writing = proxyActivities<Writing>({ startToCloseTimeout: '10m', retry: RETRIED });
const here = proxyLocalActivities<Pick<ControlActivities, 'preparePlain' | 'finishFile'>>(IN_PLACE);

/** What comes of a part of the work: an end, or that the workflow is to continue as new. */
type Outcome = FileEnding | 'rotate';

async function planOf(run: FileRun): Promise<FilePlan | FileEnding> {
  const { input } = run;
  if (input.kind === 'version') {
    const { version, model, language, ref } = input;
    return preparation.planStored({ ref, facts: { version, model, language, createdAt: run.state.startedAt } });
  }
  const { ref, uploadId, uploadBytes, restarts = 0 } = input;
  if (restarts === 0) {
    const fetched = await fetchSource(input);
    if (!fetched.ok) return { state: 'failed', reason: fetched.reason, detail: fetched.detail };
  }
  if (uploadBytes >= PROBED_FROM_BYTES && restarts === 0) {
    run.probe = await preparation.probeAudio({ ref, uploadId });
    if (!run.probe.ok) return { state: 'failed', reason: run.probe.reason, detail: run.probe.detail };
  }
  const plain = await plainly(input);
  if (plain !== null) return plain;
  if (mayBePlain(input)) run.prepares();
  const prepared = await decoded(input);
  if (!prepared.ok) return { state: 'failed', reason: prepared.reason, detail: prepared.detail };
  return prepared.plan;
}

/** A file that was stopped before it was fetched is fetched now. */
async function decoded(input: FileInput): Promise<PrepareAnswer> {
  const { ref, uploadId, channels = 'mixed', sourceUrl, restarts = 0 } = input;
  try {
    return await preparation.prepareFile({ ref, uploadId, channels });
  } catch (error) {
    if (sourceUrl === undefined || restarts === 0 || !isMissing(error)) throw error;
    const fetched = await fetchSource(input);
    return fetched.ok ? preparation.prepareFile({ ref, uploadId, channels }) : fetched;
  }
}

/** Null: it takes a decoder, or more than a moment. */
function plainly(input: FileInput): Promise<FilePlan | null> {
  const { ref, uploadId } = input;
  return inPlace(
    mayBePlain(input),
    () => here.preparePlain({ ref, uploadId }),
    () => Promise.resolve(null),
  );
}

const isMissing = (error: unknown): boolean =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === UPLOAD_MISSING;

/** Audio stored and cut, and what an earlier life has finished known; or how it ends. */
async function prepare(run: FileRun): Promise<FileEnding | null> {
  const plan = await planOf(run);
  if ('state' in plan) return plan;
  run.planned(plan);
  run.probe = { ok: true };
  const { ref, ...input } = run.input;
  if (input.kind === 'file' && (input.restarts ?? 0) > 0) {
    run.yields(await writing.surveySpans({ ref, version: run.version, spans: run.spans }));
  }
  return null;
}

async function transcribe(run: FileRun, spans: SpanLanes): Promise<Outcome> {
  if (run.state.plan === null) {
    const refusal = await prepare(run);
    if (refusal !== null) return refusal;
  }
  run.beginStreaming();
  const how = await spans.transcribe();
  if (how === 'rotate') return how;
  return spans.failure ?? COMPLETED;
}

/** What has no text is transcribed again, alone; answers how many tries there were, and what has none then. */
async function repair(run: FileRun): Promise<{ tries: number; open: readonly FileSpan[] }> {
  const holes = joinedSpans(run.state.yielded.holes);
  if (holes.length === 0) return { tries: 0, open: [] };
  run.lanes.want(Math.min(holes.length, run.input.bounds.maxParallelSpans));
  await run.lanes.until(() => run.lanes.granted > 0);
  const open = await repairEach(run.input, run.spans.length, holes, spanOptions(run), run.lanes.granted);
  run.lanes.want(0);
  return { tries: holes.length, open };
}

/** Writes the transcript of what is done; the upload is of no more use once its audio is stored. */
async function finish(run: FileRun, ending: FileEnding): Promise<void> {
  if (run.isWritten) return;
  const { state, spans, input, version } = run;
  const { done } = state.yielded;
  const { tries, open } =
    ending.state === 'completed' ? await repair(run) : { tries: 0, open: joinedSpans(state.yielded.holes) };
  const left = undone(done, spans.length).map((index) => spans[index] as FileSpan);
  const args: FinishFileArgs = {
    ref: input.ref,
    version,
    done,
    repairs: { firstSpan: spans.length, spans: tries },
    holes: joinedSpans([...open, ...left]),
    meta: run.metaOf(ending),
    uploadId: run.usedUpload,
  };
  const segments = await inPlace(
    run.isBrief,
    () => here.finishFile(args),
    () => writing.finishFile(args),
  );
  run.yields({ ...run.state.yielded, segments });
}

/** A file that failed has no transcript; its upload is kept where it may go on with it. */
async function leaveFailed({ input, state }: FileRun, refused: boolean): Promise<void> {
  if (input.kind !== 'file' || !(refused || state.plan !== null)) return;
  await writing.discardUpload({ ref: input.ref, uploadId: input.uploadId });
}

async function conclude(run: FileRun, ending: FileEnding): Promise<FileEnding> {
  if (ending.state === 'failed') {
    await leaveFailed(run, run.state.plan === null && ending.reason !== 'session_failed');
    return ending;
  }
  try {
    await finish(run, ending);
    return ending;
  } catch (error) {
    // Told to end while holes were transcribed again: what there is is written.
    const otherwise = endingOf(error);
    if (otherwise.state !== 'cancelled' || ending.state !== 'completed') return otherwise;
    return CancellationScope.nonCancellable(() => conclude(run, run.asked ?? CANCELLED));
  }
}

function refuseAttach(): AttachAnswer {
  throw ApplicationFailure.nonRetryable('the session is a file: there is no one to speak to', REFUSAL.notLive);
}

function listen(run: FileRun, scope: CancellationScope): void {
  setHandler(attachUpdate, (_attach: Attach) => refuseAttach(), {
    validator: (_attach: Attach) => void refuseAttach(),
  });
  setHandler(viewQuery, () => run.view());
  setHandler(inputQuery, () => run.input);
  const endAs = (ending: FileEnding) => () => {
    run.ask(ending);
    scope.cancel();
  };
  setHandler(cancelSignal, endAs(CANCELLED));
  setHandler(stopSignal, endAs(STOPPED));
  setHandler(probedUpdate, async (): Promise<ProbedAnswer> => {
    await condition(() => run.probe !== null || run.ending !== null);
    const { reason, detail, state } = run.ending ?? COMPLETED;
    if (run.probe?.ok === true) return { ok: true, view: run.view() };
    return run.probe ?? { ok: false, reason: reason ?? state, detail: detail ?? `the file was ${state}` };
  });
}

async function runFile(run: FileRun): Promise<Outcome> {
  const scope = new CancellationScope();
  listen(run, scope);
  if (run.asked !== null) scope.cancel();
  const spans = new SpanLanes(run);
  return scope.run(async () => {
    const outcome = await transcribe(run, spans).catch(endingOf);
    if (outcome === 'rotate') return outcome;
    if (outcome.state !== 'completed') {
      return CancellationScope.nonCancellable(async () => {
        await spans.idle();
        run.lanes.want(0);
        return conclude(run, outcome.state === 'cancelled' ? (run.asked ?? outcome) : outcome);
      });
    }
    run.enter('closing');
    return conclude(run, outcome);
  });
}

type Input = FileInput | VersionInput;

async function work(input: Input, carried: FileState | undefined): Promise<FileResult> {
  const run = new FileRun(input, carried);
  const outcome = await runFile(run);
  if (outcome === 'rotate') return rotate(run);
  run.end(outcome);
  run.lanes.want(0);
  const audioMs = Math.round(run.endByte / LOG_BYTES_PER_MS);
  const { state, ...rest } = { ...outcome, segments: run.state.yielded.segments, audioMs };
  // One that was stopped may go on: it has not come to its end.
  if (input.kind === 'file' && state !== 'stopped') await announceEnd(input, { state, ...rest });
  await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
  return { state, ...rest, view: run.view() };
}

/** History is long enough: what was asked for meanwhile is heard by the next run. */
async function rotate(run: FileRun): Promise<never> {
  await CancellationScope.nonCancellable(async () => {
    await run.lanes.settled();
    await condition(allHandlersFinished);
  });
  return continueAsNew<(input: Input, state: FileState) => Promise<FileResult>>(run.input, run.carry());
}

export async function file(input: FileInput, carried?: FileState): Promise<FileResult> {
  setHandler(inputQuery, () => input);
  if (input.bounds.inPlace !== true && !patched('file-goes-on')) return fileOfBefore(input);
  return work(input, carried);
}

/** The audio of a session that has ended, transcribed again: another transcript beside the first. */
export async function version(input: VersionInput, carried?: FileState): Promise<FileResult> {
  return work(input, carried);
}
