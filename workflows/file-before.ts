/** Files that began before they could be stopped and go on (patched `file-goes-on`): as they were; to go once none is left. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  allHandlersFinished,
  condition,
  defineQuery,
  defineSignal,
  defineUpdate,
  isCancellation,
  proxyActivities,
  setHandler,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import { fileAttributes } from './attributes.ts';
import { LOG_BYTES_PER_MS, PREPARE_QUEUE, QUERY, REFUSAL, SIGNAL, UPDATE } from './contract.ts';
import type {
  Attach,
  AttachAnswer,
  ControlActivities,
  FileInput,
  ProbeAnswer,
  SessionResult,
  SessionView,
  Span,
} from './contract.ts';
import { joined } from './coverage.ts';
import { isDamage } from './damage.ts';
import { DAMAGED } from './session/decide.ts';
import type { Ending } from './session/state.ts';
import { fetchSource } from './file/source.ts';
import { inLanes, repairHoles, transcribeSpan } from './spans.ts';
import { announceEnd } from './webhook/announce.ts';

const probedUpdate = defineUpdate<ProbeAnswer>(UPDATE.probed);
const attachUpdate = defineUpdate<AttachAnswer, [Attach]>(UPDATE.attach);
const cancelSignal = defineSignal(SIGNAL.cancel);
const viewQuery = defineQuery<SessionView>(QUERY.view);

const COMPLETED: Ending = { state: 'completed', reason: null, detail: null };
const CANCELLED: Ending = { state: 'cancelled', reason: null, detail: null };

type Progress = Pick<
  SessionView,
  'state' | 'spans' | 'throughByte' | 'audioEndByte' | 'nextIndex' | 'reason' | 'detail'
>;

const preparation = proxyActivities<Pick<ControlActivities, 'probeAudio' | 'decodeAudio'>>({
  taskQueue: PREPARE_QUEUE,
  startToCloseTimeout: '6h',
  heartbeatTimeout: '30s',
  retry: { initialInterval: '1s', maximumInterval: '30s' },
});
const writing = proxyActivities<Pick<ControlActivities, 'mergeSpans' | 'discardUpload'>>({
  startToCloseTimeout: '10m',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

class FileRun {
  readonly input: FileInput;
  probe: ProbeAnswer | null = null;
  progress: Progress = {
    state: 'preparing',
    spans: null,
    throughByte: 0,
    audioEndByte: null,
    nextIndex: 0,
    reason: null,
    detail: null,
  };

  constructor(input: FileInput) {
    this.input = input;
  }

  enter(progress: Partial<Progress>): void {
    this.progress = { ...this.progress, ...progress };
    if (progress.state !== undefined) upsertSearchAttributes(fileAttributes(progress.state));
  }

  view(): SessionView {
    const { model, language, priority } = this.input;
    const none = { lease: null, epoch: 0, attached: false, generation: 0 };
    return { kind: 'file', model, language, priority, ...none, ...this.progress };
  }
}

/** Transcribes the spans, at most `maxParallelSpans` at a time; answers how it ended, and what has no text. */
async function transcribe(run: FileRun, spans: readonly Span[]): Promise<{ ending: Ending; holes: Span[] }> {
  let done = 0;
  const failures: Ending[] = [];
  const holes: Span[] = [];
  const one = async (index: number): Promise<void> => {
    const span = spans[index];
    if (span === undefined) return;
    const { segments, state, reason, detail, holes: found = [] } = await transcribeSpan(run.input, index, span);
    if (state !== 'completed') failures.push({ state, reason, detail });
    holes.push(...found);
    done += 1;
    const { throughByte, nextIndex } = run.progress;
    run.enter({
      spans: { done, total: spans.length },
      throughByte: throughByte + span.toByte - span.fromByte,
      nextIndex: nextIndex + segments,
    });
  };
  await inLanes(spans.length, run.input.bounds.maxParallelSpans, one, () => failures.length > 0);
  return { ending: failures[0] ?? COMPLETED, holes: joined(holes) };
}

/** Probe, decode, transcribe, join. */
async function process(run: FileRun): Promise<Ending & { totalBytes: number }> {
  const { ref, uploadId } = run.input;
  const fetched = await fetchSource(run.input);
  if (!fetched.ok) return { state: 'failed', reason: fetched.reason, detail: fetched.detail, totalBytes: 0 };
  run.probe = await preparation.probeAudio({ ref, uploadId });
  if (!run.probe.ok) return { state: 'failed', reason: run.probe.reason, detail: run.probe.detail, totalBytes: 0 };
  const decoded = await preparation.decodeAudio({ ref, uploadId });
  if (!decoded.ok) return { state: 'failed', reason: decoded.reason, detail: decoded.detail, totalBytes: 0 };
  const { spans, totalBytes } = decoded;
  run.enter({ state: 'streaming', audioEndByte: totalBytes, spans: { done: 0, total: spans.length } });
  const { ending, holes } = await transcribe(run, spans);
  if (ending.state === 'completed') {
    run.enter({ state: 'closing' });
    const repairs = await repairHoles(run.input, spans.length, holes, false);
    const { id, tenant } = ref;
    const { model, language } = run.input;
    const audioMs = totalBytes / LOG_BYTES_PER_MS;
    const meta = { id, tenant, model, language, state: ending.state, audioMs };
    run.enter({ nextIndex: await writing.mergeSpans({ ref, spans: spans.length, repairs, meta }) });
  }
  return { ...ending, totalBytes };
}

function refuseAttach(): AttachAnswer {
  throw ApplicationFailure.nonRetryable('the session is a file: there is no one to speak to', REFUSAL.notLive);
}

function listen(run: FileRun, scope: CancellationScope): void {
  setHandler(attachUpdate, (_attach: Attach) => refuseAttach(), {
    validator: (_attach: Attach) => void refuseAttach(),
  });
  setHandler(viewQuery, () => run.view());
  setHandler(cancelSignal, () => scope.cancel());
  setHandler(probedUpdate, async (): Promise<ProbeAnswer> => {
    await condition(() => run.probe !== null || run.progress.reason !== null || run.progress.state === 'cancelled');
    return (
      run.probe ?? { ok: false, reason: run.progress.reason ?? 'cancelled', detail: run.progress.detail ?? 'cancelled' }
    );
  });
}

/** A preparation that cannot succeed ends the session; its cause is in the activity's failure. */
function endingOf(error: unknown): Ending {
  if (isCancellation(error)) return CANCELLED;
  if (isDamage(error)) return DAMAGED;
  if (error instanceof ActivityFailure || error instanceof ChildWorkflowFailure)
    return { state: 'failed', reason: 'session_failed', detail: 'a step of the work failed' };
  throw error;
}

export async function fileOfBefore(input: FileInput): Promise<SessionResult> {
  const run = new FileRun(input);
  const scope = new CancellationScope();
  listen(run, scope);
  const { totalBytes, ...ending } = await scope
    .run(() => process(run))
    .catch((error: unknown) => ({ ...endingOf(error), totalBytes: 0 }));
  run.enter(ending);
  const { ref, uploadId } = input;
  await CancellationScope.nonCancellable(() => writing.discardUpload({ ref, uploadId }));
  const audioMs = Math.round(totalBytes / LOG_BYTES_PER_MS);
  const result: SessionResult = { ...ending, segments: run.progress.nextIndex, audioMs };
  await announceEnd(input, result);
  await condition(allHandlersFinished);
  return result;
}
