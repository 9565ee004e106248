/** The spans of a file, side by side in the lanes it is granted. */
import { ChildWorkflowFailure, condition, isCancellation, workflowInfo } from '@temporalio/workflow';
import type { FileSpan, SessionResult } from './contract.ts';
import type { FileEnding } from './file-ending.ts';
import { endingOf } from './file-ending.ts';
import type { FileRun } from './file-run.ts';
import { undone, withDone } from './plan.ts';
import { writeWhole } from './file/whole.ts';
import { SpanWithin } from './session/session.ts';
import type { Within } from './session/session.ts';
import { spanInputOf, transcribeSpan } from './spans.ts';
import type { SpanOptions } from './spans.ts';

/** Epochs of one life of a file; each restart begins with higher ones, so that workers of before are fenced. */
const EPOCHS_A_LIFE = 1_000_000;

/** How the spans of this life of a file are started. */
export const spanOptions = ({ input, version }: FileRun): SpanOptions => ({
  version,
  firstEpoch: input.kind === 'file' ? (input.restarts ?? 0) * EPOCHS_A_LIFE + 1 : 1,
});

/** The history of a run of this many events is long enough; a span leaves about a dozen. */
const isFull = ({ input }: FileRun): boolean => workflowInfo().historyLength >= input.bounds.rotateAfterEvents * 4;

export class SpanLanes {
  readonly #run: FileRun;
  #running = 0;
  /** Spans that are not begun. */
  #left = 0;
  failure: FileEnding | null = null;

  constructor(run: FileRun) {
    this.#run = run;
  }

  /** Transcribes what is not finished, until all is, one has failed, or the workflow is to continue as new. */
  async transcribe(): Promise<'done' | 'failed' | 'rotate'> {
    const { lanes, spans, state, input } = this.#run;
    const waiting = undone(state.yielded.done, spans.length);
    const most = Math.min(waiting.length, input.bounds.maxParallelSpans);
    this.#left = waiting.length;
    lanes.want(most);
    const stops = () => this.failure !== null || isFull(this.#run);
    for (const index of waiting) {
      await lanes.until(() => this.#running < lanes.granted || stops());
      if (stops()) break;
      this.#start(index, spans[index] as FileSpan);
    }
    await this.idle();
    if (this.failure !== null) return 'failed';
    return undone(this.#run.state.yielded.done, spans.length).length === 0 ? 'done' : 'rotate';
  }

  /** None runs any more. */
  async idle(): Promise<void> {
    await condition(() => this.#running === 0);
  }

  #start(index: number, span: FileSpan): void {
    this.#running += 1;
    this.#left -= 1;
    this.#transcribe(index, span)
      .then(
        (result) => this.#ended(index, span, result),
        (error: unknown) => this.#broke(error),
      )
      .finally(() => {
        this.#running -= 1;
        this.#giveBack();
      });
  }

  #transcribe(index: number, span: FileSpan): Promise<SessionResult | 'rotate'> {
    const run = this.#run;
    if (!run.isWhole) return transcribeSpan(run.input, index, span, spanOptions(run));
    const { isListedQueued } = run;
    const within: Within = { isListedQueued, write: (args) => writeWhole(run, args) };
    run.within = new SpanWithin(spanInputOf(run.input, index, span, spanOptions(run)), run.state.stream, within);
    return run.within.transcribe();
  }

  /** One that is to go on in the next run is not done. */
  #ended(index: number, span: FileSpan, result: SessionResult | 'rotate'): void {
    if (result === 'rotate') return;
    const { state, reason, detail, segments, holes = [] } = result;
    if (state !== 'completed') {
      this.failure ??= { state, reason, detail };
      return;
    }
    const { yielded } = this.#run.state;
    this.#run.yields({
      done: withDone(yielded.done, index),
      bytes: yielded.bytes + span.toByte - span.fromByte,
      segments: yielded.segments + segments,
      holes: [...yielded.holes, ...holes.map((hole) => ({ ...hole, channel: span.channel }))],
    });
  }

  /** A cancellation is the file's own, and told by its scope. */
  #broke(error: unknown): void {
    if (error instanceof ChildWorkflowFailure && isCancellation(error)) return;
    if (!isCancellation(error)) this.failure ??= endingOf(error);
  }

  /** Towards the end fewer lanes are of use: others may have them. */
  #giveBack(): void {
    const { lanes } = this.#run;
    const ofUse = this.#running + this.#left;
    if (ofUse <= lanes.granted / 2) lanes.want(ofUse);
  }
}
