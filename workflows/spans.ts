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

interface SpanOptions {
  readonly urgent?: boolean;
  readonly limit?: typeof REPAIR_LIMIT;
}

/** Transcribes one stretch; rejects when the child workflow fails. */
export function transcribeSpan(
  { ref, model, language, priority, weight, bounds }: SessionSpec,
  span: number,
  { fromByte, toByte }: Span,
  { urgent = false, limit }: SpanOptions = {},
): Promise<SessionResult> {
  const spec = { ref, model, language, priority, weight, bounds };
  const input: SpanInput = { kind: 'span', span, ...spec, fromByte, toByte, ...(urgent ? { urgent } : {}) };
  return executeChild<(input: SpanInput) => Promise<SessionResult>>(WORKFLOW.span, {
    workflowId: spanWorkflowId(ref, span),
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

/** Transcribes holes again, each alone, as the spans from `firstSpan` on; what fails stays open. */
export async function repairHoles(
  spec: SessionSpec,
  firstSpan: number,
  holes: readonly Span[],
  urgent: boolean,
): Promise<Repairs> {
  const open: Span[] = [];
  const repairOne = async (index: number): Promise<void> => {
    const hole = holes[index];
    if (hole === undefined) return;
    const result = await transcribeSpan(spec, firstSpan + index, hole, { urgent, limit: REPAIR_LIMIT }).catch(
      (error: unknown) => {
        if (isCancellation(error)) throw error;
        return null;
      },
    );
    open.push(...(result?.state === 'completed' ? (result.holes ?? []) : [hole]));
  };
  await inLanes(holes.length, REPAIRS_SIDE_BY_SIDE, repairOne);
  return { firstSpan, spans: holes.length, open: joined(open) };
}
