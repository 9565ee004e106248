/** Reads transcripts: committed segments of a session that runs, and documents of one that has ended. */
import { objectKeys } from '../workflows/contract.ts';
import type { Segment, SessionRef, TranscriptDocument, TranscriptFormat } from '../workflows/contract.ts';
import type { ObjectsPort, SessionsPort } from './ports.ts';

const parse = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'));

/** In the order in which they were committed: what was repaired at the end comes last. */
const inOrder = (segments: readonly Segment[]): Segment[] => [...segments].sort((a, b) => a.index - b.index);

/** A transcript document as it was written, or null. */
export function readTranscript(
  objects: ObjectsPort,
  ref: SessionRef,
  format: TranscriptFormat,
): Promise<Uint8Array | null> {
  return objects.get(objectKeys.transcript(ref, null, format));
}

/** All committed segments from index `from` on, whether the session runs or has ended. */
export async function readSegments(
  sessions: Pick<SessionsPort, 'segments'>,
  objects: ObjectsPort,
  ref: SessionRef,
  from: number,
): Promise<readonly Segment[]> {
  const written = await readTranscript(objects, ref, 'json');
  if (written !== null) return inOrder((parse(written) as TranscriptDocument).segments).slice(from);
  const { tailFrom, segments } = await sessions.segments(ref, from);
  return from >= tailFrom ? segments : [...(await readCheckpoints(objects, ref, from, tailFrom)), ...segments];
}

/** Segments [from, end) out of the checkpoints; checkpoints may overlap, and agree where they do. */
async function readCheckpoints(objects: ObjectsPort, ref: SessionRef, from: number, end: number): Promise<Segment[]> {
  const byIndex = new Map<number, Segment>();
  for await (const { key } of objects.list(objectKeys.checkpoints(ref, null))) {
    const lastIndex = Number(/-(\d+)\.json$/.exec(key)?.[1] ?? 0);
    if (lastIndex <= from) continue;
    const bytes = await objects.get(key);
    for (const segment of bytes === null ? [] : (parse(bytes) as Segment[])) byIndex.set(segment.index, segment);
  }
  return inOrder([...byIndex.values()]).filter(({ index }) => index >= from && index < end);
}
