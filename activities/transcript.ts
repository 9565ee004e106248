/** Transcripts in object storage: checkpoints on the way, and the documents at the end. */
import { isDeepStrictEqual } from 'node:util';
import { ApplicationFailure } from '@temporalio/activity';
import { objectKeys, WRITTEN_FORMATS } from '../workflows/contract.ts';
import type {
  ControlActivities,
  Coverage,
  Repairs,
  Segment,
  SessionRef,
  Span,
  TranscriptDocument,
  TranscriptMeta,
  WriteTranscriptArgs,
  WrittenFormat,
} from '../workflows/contract.ts';
import { holeOf, holesIn } from '../workflows/coverage.ts';
import { untilDamaged } from './damage.ts';
import { render } from '../workflows/render.ts';

/** What transcripts need of object storage. */
export interface TranscriptObjects {
  put(key: string, body: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  list(prefix: string): AsyncIterable<{ readonly key: string }>;
}

/** The audio log, as far as it is compared with what was transcribed (infra/audio-log.ts). */
export interface StoredAudio {
  extent(prefix: string): Promise<{ readonly durableBytes: number }>;
}

type TranscriptActivities = Pick<ControlActivities, 'checkpointTranscript' | 'writeTranscript' | 'mergeSpans'>;

/** Type of the failure when stored segments do not make one whole: it is loud, and trying again does not help. */
export const TRANSCRIPT_DAMAGED = 'TranscriptDamaged';

/** A session of two days has 860 checkpoints: one after the other they would take too long. */
const READS_AT_ONCE = 16;

/** All three may run again at any time: the same arguments write the same objects. */
export function createTranscripts(objects: TranscriptObjects, audio: StoredAudio): TranscriptActivities {
  return {
    checkpointTranscript: untilDamaged(async ({ ref, span, segments, version = 1 }) => {
      const first = segments[0]?.index;
      if (first === undefined) return;
      requireOrder(segments, first);
      const key = objectKeys.checkpoint(ref, span, first, first + segments.length, version);
      await objects.put(key, encode(JSON.stringify(segments)));
    }),
    writeTranscript: untilDamaged(async (args) => {
      const { ref, repairs } = args;
      const { segments, holes } = await readCommitted(objects, audio, args);
      if (repairs === null && holes.length > 0) return { segments: segments.length, holes };
      segments.push(...(await readRepairs(objects, ref, repairs, segments.length)));
      const isRepaired = (repairs?.spans ?? 0) > 0;
      const open = isRepaired ? (repairs?.open ?? []) : holes;
      await writeSpan(objects, args, segments, open);
      return { segments: segments.length, holes: open };
    }),
    mergeSpans: untilDamaged(async ({ ref, spans, repairs, meta }) => {
      const parts = await sideBySide(Array.from({ length: spans }, (_, span) => () => readSpan(objects, ref, span)));
      const segments = parts.flat().map((segment, index) => ({ ...segment, index }));
      segments.push(...(await readRepairs(objects, ref, repairs, segments.length)));
      await write(objects, whole(ref), meta, segments, repairs?.open ?? []);
      return segments.length;
    }),
  };
}

/** Of a live session, or of a span: its transcript is only ever joined with the others, and needs no format to be read in. */
export function writeSpan(
  objects: TranscriptObjects,
  { ref, span, version = 1, meta }: WriteTranscriptArgs,
  segments: readonly Segment[],
  holes: readonly Span[],
): Promise<void> {
  const formats = span === null ? WRITTEN_FORMATS : (['json'] as const);
  return write(objects, { ref, span, version, formats }, meta, segments, holes);
}

interface Committed {
  readonly segments: Segment[];
  /** Stretches of audio without text. */
  readonly holes: readonly Span[];
}

/** What was committed of a stream of speech. @throws {@link TRANSCRIPT_DAMAGED} */
export async function readCommitted(
  objects: TranscriptObjects,
  audio: StoredAudio,
  { ref, span, version = 1, tail, segmentCount, coverage }: WriteTranscriptArgs,
): Promise<Committed> {
  const segments = joinOverlaps([...(await readCheckpoints(objects, ref, span, version)), ...tail]);
  requireOrder(segments, 0);
  if (segments.length !== segmentCount) {
    damaged(`${segmentCount} segments were committed, ${segments.length} are there`);
  }
  const holes = coverage === undefined ? [] : holesIn(segments, coverage, await storedBytes(audio, ref, coverage));
  return { segments, holes };
}

export interface Target {
  readonly ref: SessionRef;
  readonly span: number | null;
  readonly version: number;
  readonly formats: readonly WrittenFormat[];
}

/** A session's own transcript, in every format. */
export const whole = (ref: SessionRef, version = 1): Target => ({
  ref,
  span: null,
  version,
  formats: WRITTEN_FORMATS,
});

/** By the bytes they account for, or, where there are channels, by the time at which they were said. */
const inOrder = (segments: readonly Segment[], { channels = 1 }: TranscriptMeta): Segment[] =>
  [...segments].sort(
    channels === 1
      ? (a, b) => a.startByte - b.startByte || a.index - b.index
      : (a, b) => a.startMs - b.startMs || a.channel - b.channel || a.index - b.index,
  );

/** Writes the documents; `json` last, since readers take it as the sign that the transcript is finished. */
export async function write(
  objects: TranscriptObjects,
  { ref, span, version, formats }: Target,
  meta: TranscriptMeta,
  committed: readonly Segment[],
  holes: readonly (Span & { readonly channel?: number })[],
): Promise<void> {
  const segments = inOrder(committed, meta);
  const text = segments.map((segment) => segment.text).join(' ');
  const document: TranscriptDocument = { ...meta, text, segments, holes: holes.map(holeOf) };
  const put = (format: WrittenFormat): Promise<void> =>
    objects.put(objectKeys.transcript(ref, span, format, version), encode(render(document, format)));
  await Promise.all(formats.filter((format) => format !== 'json').map(put));
  await put('json');
}

async function readCheckpoints(
  objects: TranscriptObjects,
  ref: SessionRef,
  span: number | null,
  version: number,
): Promise<Segment[]> {
  const reads: (() => Promise<Segment[]>)[] = [];
  for await (const { key } of objects.list(objectKeys.checkpoints(ref, span, version))) {
    reads.push(async () => (await readJson(objects, key)) as Segment[]);
  }
  return (await sideBySide(reads)).flat();
}

/** Some of the reads at a time; the answers in their order. */
export async function sideBySide<T>(reads: readonly (() => Promise<T>)[], atOnce = READS_AT_ONCE): Promise<T[]> {
  const answers: T[] = [];
  const waiting = [...reads.entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) answers[next[0]] = await next[1]();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return answers;
}

const storedBytes = async (audio: StoredAudio, ref: SessionRef, { toByte }: Coverage): Promise<number> =>
  toByte ?? (await audio.extent(objectKeys.audio(ref))).durableBytes;

/** What was transcribed again, numbered from `next` on. */
export async function readRepairs(
  objects: TranscriptObjects,
  ref: SessionRef,
  repairs: Pick<Repairs, 'firstSpan' | 'spans'> | null | undefined,
  next: number,
  version = 1,
): Promise<Segment[]> {
  const repaired: Segment[] = [];
  const { firstSpan = 0, spans = 0 } = repairs ?? {};
  for (let span = firstSpan; span < firstSpan + spans; span += 1) {
    // One that failed has written nothing, or what it had.
    if ((await objects.get(objectKeys.transcript(ref, span, 'json', version))) === null) continue;
    for (const segment of await readSpan(objects, ref, span, version)) {
      repaired.push({ ...segment, index: next + repaired.length, revision: 1 });
    }
  }
  return repaired;
}

export async function readSpan(
  objects: TranscriptObjects,
  ref: SessionRef,
  span: number,
  version = 1,
): Promise<readonly Segment[]> {
  const key = objectKeys.transcript(ref, span, 'json', version);
  const { segments } = (await readJson(objects, key)) as TranscriptDocument;
  requireOrder(segments, 0);
  return segments;
}

export async function readJson(objects: TranscriptObjects, key: string): Promise<unknown> {
  const body = await objects.get(key);
  if (body === null) return damaged(`${key} is missing`);
  try {
    return JSON.parse(Buffer.from(body).toString('utf8')) as unknown;
  } catch {
    // The parser's own message quotes what it read: a transcript has no place in a failure.
    return damaged(`${key} is not JSON`);
  }
}

/** Segments in order of their index; the same segment twice is one, two of the same index that differ are a failure. */
function joinOverlaps(segments: readonly Segment[]): Segment[] {
  const byIndex = new Map<number, Segment>();
  for (const segment of segments) {
    const known = byIndex.get(segment.index);
    if (known !== undefined && !isDeepStrictEqual(known, segment))
      damaged(`two segments have the index ${segment.index}`);
    byIndex.set(segment.index, segment);
  }
  return [...byIndex.values()].sort((a, b) => a.index - b.index);
}

function requireOrder(segments: readonly Segment[], first: number): void {
  for (const [at, { index }] of segments.entries()) {
    if (index !== first + at) damaged(`segment ${first + at} is expected, ${index} is there`);
  }
}

function damaged(what: string): never {
  throw ApplicationFailure.nonRetryable(`the transcript is not whole: ${what}`, TRANSCRIPT_DAMAGED);
}

const encode = (text: string): Uint8Array => Buffer.from(text, 'utf8');
