/** Reads transcripts: committed segments of a session that runs, and documents of one that has ended. */
import { objectKeys, WRITTEN_FORMATS } from '../workflows/contract.ts';
import type {
  Segment,
  SessionRef,
  TranscriptDocument,
  TranscriptFormat,
  WrittenFormat,
} from '../workflows/contract.ts';
import { render } from '../workflows/render.ts';
import type { ObjectsPort, SessionsPort } from './ports.ts';

const parse = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'));

/** In the order in which they were committed: what was repaired at the end comes last. */
const inOrder = (segments: readonly Segment[]): Segment[] => [...segments].sort((a, b) => a.index - b.index);

const isWritten = (format: TranscriptFormat): format is WrittenFormat =>
  WRITTEN_FORMATS.some((written) => written === format);

/** The transcript of a session that has ended: as it was written, or made of what was; null while there is none. */
export async function readTranscript(
  objects: ObjectsPort,
  ref: SessionRef,
  format: TranscriptFormat,
  version = 1,
): Promise<Uint8Array | null> {
  const written = await objects.get(objectKeys.transcript(ref, null, isWritten(format) ? format : 'json', version));
  if (written === null || isWritten(format)) return written;
  return Buffer.from(render(parse(written) as TranscriptDocument, format));
}

/**
 * Committed segments from index `from` on, whether the session runs or has ended.
 * @param enough checkpoints are read until there are so many; all are, otherwise
 */
export async function readSegments(
  sessions: Pick<SessionsPort, 'segments'>,
  objects: ObjectsPort,
  ref: SessionRef,
  from: number,
  enough = Infinity,
): Promise<readonly Segment[]> {
  const written = await readTranscript(objects, ref, 'json');
  if (written !== null) return inOrder((parse(written) as TranscriptDocument).segments).slice(from);
  const { tailFrom, segments } = await sessions.segments(ref, from);
  if (from >= tailFrom) return segments;
  const earlier = await readCheckpoints(objects, ref, from, Math.min(tailFrom, from + enough));
  return tailFrom - from > enough ? earlier : [...earlier, ...segments];
}

/** What one span of a file has come to, numbered from 0; null while it is not finished. */
export async function readSpanSegments(
  objects: Pick<ObjectsPort, 'get'>,
  ref: SessionRef,
  span: number,
): Promise<readonly Segment[] | null> {
  const written = await objects.get(objectKeys.transcript(ref, span, 'json'));
  if (written === null) return null;
  const { state, segments } = parse(written) as TranscriptDocument;
  return state === 'completed' ? segments : null;
}

/** Segments [from, end) out of the checkpoints; checkpoints may overlap, and agree where they do. */
async function readCheckpoints(objects: ObjectsPort, ref: SessionRef, from: number, end: number): Promise<Segment[]> {
  const byIndex = new Map<number, Segment>();
  for await (const { key } of objects.list(objectKeys.checkpoints(ref, null))) {
    const [, first, last] = /(\d+)-(\d+)\.json$/.exec(key) ?? [];
    if (Number(last ?? 0) <= from || Number(first ?? 0) >= end) continue;
    const bytes = await objects.get(key);
    for (const segment of bytes === null ? [] : (parse(bytes) as Segment[])) byIndex.set(segment.index, segment);
  }
  return inOrder([...byIndex.values()]).filter(({ index }) => index >= from && index < end);
}
