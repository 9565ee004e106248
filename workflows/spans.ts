/** Spans: stretches of a session's audio log, each transcribed by a workflow of its own, a child of the session's. */
import { ParentClosePolicy, executeChild, isCancellation } from '@temporalio/workflow';
import { specAttributes } from './attributes.ts';
import { WORKFLOW, spanWorkflowId } from './contract.ts';
import type { Repairs, SessionResult, SessionSpec, Span, SpanInput } from './contract.ts';
import { joined } from './coverage.ts';
import { priorityKey } from './session/project.ts';

/** Spans of one session side by side, where no setting says it. */
const REPAIRS_SIDE_BY_SIDE = 4;
/** A hole that is not transcribed by then stays one: nobody waits for it any longer. */
const REPAIR_LIMIT = '10m';

export interface SpanOptions {
  readonly urgent?: boolean;
  readonly limit?: typeof REPAIR_LIMIT;
  /** Of the transcript; absent: 1. */
  readonly version?: number;
  /** No lease has a lower epoch; absent: 1. */
  readonly firstEpoch?: number;
}

/** A stretch of the audio log of a channel; absent: 0. */
type Stretch = Span & { readonly channel?: number };

/** One stretch as a span. */
export function spanInputOf(
  { ref, model, language, priority, weight, bounds }: SessionSpec,
  span: number,
  { fromByte, toByte, channel = 0 }: Stretch,
  { urgent = false, version = 1, firstEpoch = 1 }: SpanOptions = {},
): SpanInput {
  const spec = { ref, model, language, priority, weight, bounds };
  return {
    kind: 'span',
    span,
    ...spec,
    fromByte,
    toByte,
    ...(urgent ? { urgent } : {}),
    ...(channel === 0 ? {} : { channel }),
    ...(version === 1 ? {} : { version }),
    ...(firstEpoch === 1 ? {} : { firstEpoch }),
  };
}

/** Transcribes one stretch in a child workflow; rejects when that fails. */
export function transcribeSpan(
  spec: SessionSpec,
  span: number,
  stretch: Stretch,
  options: SpanOptions = {},
): Promise<SessionResult> {
  const input = spanInputOf(spec, span, stretch, options);
  const { ref, priority, weight } = input;
  const { urgent = false, limit, version = 1 } = options;
  return executeChild<(input: SpanInput) => Promise<SessionResult>>(WORKFLOW.span, {
    workflowId: spanWorkflowId(ref, span, version),
    args: [input],
    parentClosePolicy: ParentClosePolicy.TERMINATE,
    typedSearchAttributes: specAttributes(input, 'span'),
    priority: {
      priorityKey: priorityKey(urgent ? 'live' : 'span', priority, urgent),
      fairnessKey: ref.tenant,
      fairnessWeight: weight,
    },
    workflowTaskTimeout: '2s',
    ...(limit === undefined ? {} : { workflowExecutionTimeout: limit }),
  });
}

/** Does the work for each index below `count`, at most `sideBySide` at a time, until `isOver` says that more is vain. */
export async function inLanes(
  count: number,
  sideBySide: number,
  work: (index: number) => Promise<void>,
  isOver: () => boolean = () => false,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count && !isOver()) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(sideBySide, count) }, lane));
}

/** Transcribes holes again, each alone, as the spans from `firstSpan` on; answers what stays open. */
export async function repairEach<S extends Stretch>(
  spec: SessionSpec,
  firstSpan: number,
  holes: readonly S[],
  options: SpanOptions,
  sideBySide = REPAIRS_SIDE_BY_SIDE,
): Promise<S[]> {
  const open: S[] = [];
  const repairOne = async (index: number): Promise<void> => {
    const hole = holes[index];
    if (hole === undefined) return;
    const result = await transcribeSpan(spec, firstSpan + index, hole, { ...options, limit: REPAIR_LIMIT }).catch(
      (error: unknown) => {
        if (isCancellation(error)) throw error;
        return null;
      },
    );
    const left = result?.state === 'completed' ? (result.holes ?? []) : [hole];
    open.push(...left.map((stretch) => ({ ...hole, ...stretch })));
  };
  await inLanes(holes.length, Math.min(sideBySide, REPAIRS_SIDE_BY_SIDE), repairOne);
  return open;
}

/** Transcribes holes of one audio log again; what fails stays open. */
export async function repairHoles(
  spec: SessionSpec,
  firstSpan: number,
  holes: readonly Span[],
  urgent: boolean,
): Promise<Repairs> {
  const open = await repairEach(spec, firstSpan, holes, { urgent });
  return { firstSpan, spans: holes.length, open: joined(open) };
}
