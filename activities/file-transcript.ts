/** The transcript of a file: what its spans have come to, joined; and what an earlier life of it has left. */
import { LOG_BYTES_PER_MS, objectKeys } from '../workflows/contract.ts';
import type {
  ControlActivities,
  FileSpan,
  FinishFileArgs,
  FinishWholeArgs,
  Segment,
  SpanYield,
  SurveyArgs,
  TranscriptDocument,
  TranscriptWritten,
} from '../workflows/contract.ts';
import { isDone, NONE_DONE, withDone } from '../workflows/plan.ts';
import { untilDamaged } from './damage.ts';
import { readCommitted, readRepairs, readSpan, sideBySide, whole, write, writeSpan } from './transcript.ts';
import type { StoredAudio, TranscriptObjects } from './transcript.ts';

/** What files need of object storage besides. */
export interface FileObjects extends TranscriptObjects {
  deleteAll(prefix: string): Promise<void>;
  deleteEach(keys: readonly string[]): Promise<void>;
}

type FileActivities = Pick<ControlActivities, 'surveySpans' | 'finishFile' | 'finishWhole'>;

/** All of them may run again at any time: the same arguments leave the same objects. */
export function createFileTranscripts(objects: FileObjects, audio: StoredAudio): FileActivities {
  return {
    surveySpans: untilDamaged((args) => surveySpans(objects, args)),
    finishFile: untilDamaged((args) => finishFile(objects, args)),
    finishWhole: untilDamaged((args) => finishWhole(objects, audio, args)),
  };
}

async function surveySpans(objects: FileObjects, { ref, version, spans }: SurveyArgs): Promise<SpanYield> {
  const { formats } = whole(ref, version);
  // First the sign that the transcript is finished: the file goes on.
  for (const format of ['json' as const, ...formats]) {
    await objects.deleteEach([objectKeys.transcript(ref, null, format, version)]);
  }
  const numbers = await spansWithObjects(objects, objectKeys.spans(ref, version));
  const finished = await sideBySide(numbers.map((span) => () => finishedSpan(objects, { ref, version, spans }, span)));
  const left = numbers.filter((_, at) => finished[at] === null);
  await sideBySide(left.map((span) => () => objects.deleteAll(objectKeys.transcripts(ref, span, version))));
  return finished.reduce<SpanYield>(together, { done: NONE_DONE, bytes: 0, segments: 0, holes: [] });
}

/** In order. */
async function spansWithObjects(objects: FileObjects, prefix: string): Promise<number[]> {
  const numbers = new Set<number>();
  for await (const { key } of objects.list(prefix)) {
    numbers.add(Number(/^(\d+)\//.exec(key.slice(prefix.length))?.[1]));
  }
  return [...numbers].sort((a, b) => a - b);
}

interface Finished {
  readonly span: number;
  readonly stretch: FileSpan;
  readonly segments: number;
  readonly holes: readonly FileSpan[];
}

/** Null: it did not come to its end, or is none of the file's own spans but the repair of a hole. */
async function finishedSpan(
  objects: FileObjects,
  { ref, version, spans }: SurveyArgs,
  span: number,
): Promise<Finished | null> {
  const stretch = spans[span];
  const bytes = await objects.get(objectKeys.transcript(ref, span, 'json', version));
  if (stretch === undefined || bytes === null) return null;
  const { state, segments, holes = [] } = JSON.parse(Buffer.from(bytes).toString('utf8')) as TranscriptDocument;
  if (state !== 'completed') return null;
  const { channel } = stretch;
  const open = holes.map(({ startMs, endMs }) => ({
    channel,
    fromByte: Math.max(stretch.fromByte, startMs * LOG_BYTES_PER_MS),
    toByte: Math.min(stretch.toByte, endMs * LOG_BYTES_PER_MS),
  }));
  return { span, stretch, segments: segments.length, holes: open };
}

function together(sum: SpanYield, finished: Finished | null): SpanYield {
  if (finished === null) return sum;
  const { span, stretch, segments, holes } = finished;
  return {
    done: withDone(sum.done, span),
    bytes: sum.bytes + stretch.toByte - stretch.fromByte,
    segments: sum.segments + segments,
    holes: [...sum.holes, ...holes],
  };
}

async function finishFile(
  objects: FileObjects,
  { ref, version, done, repairs, holes, meta, uploadId }: FinishFileArgs,
): Promise<number> {
  const spans = Array.from({ length: done.next }, (_, span) => span).filter((span) => isDone(done, span));
  const parts = await sideBySide(spans.map((span) => () => readSpan(objects, ref, span, version)));
  const segments = numbered(parts.flat(), meta.channels ?? 1);
  segments.push(...(await readRepairs(objects, ref, repairs, segments.length, version)));
  const channelled = (meta.channels ?? 1) > 1;
  const open = holes.map(({ channel, fromByte, toByte }) => ({ fromByte, toByte, ...(channelled ? { channel } : {}) }));
  await write(objects, whole(ref, version), meta, segments, open);
  await discard(objects, ref.tenant, uploadId);
  return segments.length;
}

async function finishWhole(
  objects: FileObjects,
  audio: StoredAudio,
  { span, meta, uploadId }: FinishWholeArgs,
): Promise<TranscriptWritten & { isWhole: boolean }> {
  const { ref, version } = span;
  const { segments, holes } = await readCommitted(objects, audio, span);
  if (holes.length > 0) {
    await writeSpan(objects, span, segments, holes);
    return { segments: segments.length, holes, isWhole: false };
  }
  await write(objects, whole(ref, version), meta, segments, []);
  await discard(objects, ref.tenant, uploadId);
  return { segments: segments.length, holes, isWhole: true };
}

async function discard(objects: FileObjects, tenant: string, uploadId: string | null): Promise<void> {
  if (uploadId !== null) await objects.deleteAll(objectKeys.uploads(tenant, uploadId));
}

/** Spans of one channel follow each other; those of several are brought into the order of time. */
function numbered(segments: readonly Segment[], channels: number): Segment[] {
  const ordered =
    channels === 1 ? segments : [...segments].sort((a, b) => a.startMs - b.startMs || a.channel - b.channel);
  return ordered.map((segment, index) => ({ ...segment, index }));
}
