/** A batch: its files' sessions are begun so many at a time, each a workflow of its own that goes on whatever becomes of this one. */
import {
  CancellationScope,
  ChildWorkflowFailure,
  ParentClosePolicy,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  setHandler,
  startChild,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { fileAttributes, specAttributes } from '../attributes.ts';
import { WORKFLOW, sessionWorkflowId } from '../contract.ts';
import type { FileInput, SessionResult } from '../contract.ts';
import { inLanes } from '../spans.ts';
import { BATCH_ITEMS_QUERY, BATCH_QUERY, CANCEL_BATCH } from './contract.ts';
import type { BatchInput, BatchItem, BatchItemProgress, BatchItemView, BatchState, BatchView } from './contract.ts';

const cancelSignal = defineSignal(CANCEL_BATCH);
const viewQuery = defineQuery<BatchView>(BATCH_QUERY);
const itemsQuery = defineQuery<BatchItemView[], [number, number]>(BATCH_ITEMS_QUERY);

const WAITING: BatchItemProgress = { state: 'waiting', reason: null, detail: null, audioMs: 0 };
const CANCELLED: BatchItemProgress = { ...WAITING, state: 'cancelled' };

class BatchRun {
  readonly input: BatchInput;
  readonly items: BatchItemProgress[];
  readonly startedAtMs: number;
  readonly scope = new CancellationScope();
  isCancelled: boolean;
  endedAtMs: number | null = null;

  constructor(input: BatchInput, carried: BatchState | undefined) {
    this.input = input;
    this.items = carried === undefined ? input.items.map(() => WAITING) : [...carried.items];
    this.startedAtMs = carried?.startedAtMs ?? Date.now();
    this.isCancelled = carried?.isCancelled ?? false;
  }

  get waiting(): number[] {
    return [...this.items.keys()].filter((index) => this.items[index]?.state === 'waiting');
  }

  get wantsRotation(): boolean {
    return workflowInfo().historyLength >= this.input.rotateAfterEvents;
  }

  get state(): BatchState {
    const { items, startedAtMs, isCancelled } = this;
    return { items, startedAtMs, isCancelled };
  }

  cancel(): void {
    this.isCancelled = true;
    this.scope.cancel();
  }

  view(): BatchView {
    const counts = { waiting: 0, running: 0, completed: 0, failed: 0, cancelled: 0 };
    for (const { state } of this.items) counts[state] += 1;
    const { startedAtMs, endedAtMs } = this;
    const ended = this.isCancelled ? 'cancelled' : 'completed';
    return { state: endedAtMs === null ? 'running' : ended, counts, total: this.items.length, startedAtMs, endedAtMs };
  }

  page(from: number, limit: number): BatchItemView[] {
    return this.input.items.slice(from, from + limit).map(({ session, fileName, uploadId }, at) => ({
      index: from + at,
      session,
      fileName,
      uploadId,
      ...(this.items[from + at] ?? WAITING),
    }));
  }
}

/** Transcribes one file; answers what became of it, whatever that is. @param begun to be called once its session is there */
async function transcribe(
  run: BatchRun,
  item: BatchItem,
  begun: () => void,
): Promise<Omit<BatchItemProgress, 'isBegun'>> {
  try {
    const session = await startFile(run.input, item);
    begun();
    const { state, reason, detail, audioMs } = await session.result();
    return { state, reason, detail, audioMs };
  } catch (error) {
    if (isCancellation(error)) return CANCELLED;
    const failed = { ...WAITING, state: 'failed' } as const;
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      return { ...failed, reason: 'session_exists', detail: `a session with the id ${item.session} exists already` };
    }
    if (error instanceof ChildWorkflowFailure) {
      return { ...failed, reason: 'session_failed', detail: 'the session was ended from outside' };
    }
    throw error;
  }
}

function startFile({ ref, weight, bounds }: BatchInput, item: BatchItem) {
  const { session, ...file } = item;
  const spec = { ref: { tenant: ref.tenant, id: session }, weight, bounds };
  const input: FileInput = { kind: 'file', ...spec, ...file };
  return startChild<(input: FileInput) => Promise<SessionResult>>(WORKFLOW.file, {
    workflowId: sessionWorkflowId(input.ref),
    args: [input],
    parentClosePolicy: ParentClosePolicy.ABANDON,
    workflowIdReusePolicy: 'REJECT_DUPLICATE',
    typedSearchAttributes: specAttributes(input, 'file'),
    memo: { startedAt: new Date().toISOString(), uploadId: item.uploadId },
    workflowTaskTimeout: '2s',
  });
}

/** Until all have ended, or no more may be begun in this run of the workflow. */
async function work(run: BatchRun): Promise<void> {
  const waiting = run.waiting;
  const one = async (at: number): Promise<void> => {
    const index = waiting[at] ?? 0;
    const item = run.input.items[index];
    if (item === undefined) return;
    let isBegun = false;
    const begun = (): void => {
      isBegun = true;
      run.items[index] = { ...WAITING, state: 'running', isBegun };
    };
    run.items[index] = { ...WAITING, state: 'running' };
    run.items[index] = { ...(await transcribe(run, item, begun)), isBegun };
  };
  await inLanes(waiting.length, run.input.sideBySide, one, () => run.isCancelled || run.wantsRotation);
}

/** Runs until every file has ended; where the history grows long, what runs is waited for before it continues as new. */
export async function batch(input: BatchInput, carried?: BatchState): Promise<BatchView> {
  const run = new BatchRun(input, carried);
  setHandler(viewQuery, () => run.view());
  setHandler(itemsQuery, (from, limit) => run.page(from, limit));
  setHandler(cancelSignal, () => run.cancel());
  await run.scope.run(() => work(run));
  if (!run.isCancelled && run.waiting.length > 0) {
    return await continueAsNew<typeof batch>(input, run.state);
  }
  for (const index of run.waiting) run.items[index] = CANCELLED;
  run.endedAtMs = Date.now();
  const view = run.view();
  upsertSearchAttributes(fileAttributes(view.state));
  return view;
}
