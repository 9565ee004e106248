/** A session's finals by index, whether it runs or has ended, and however they are stored meanwhile. */
import { LOG_BYTES_PER_MS, objectKeys } from '../../workflows/contract.ts';
import type { FilePlan, FileSpan, Segment, SessionRef, SessionView } from '../../workflows/contract.ts';
import { spansOf } from '../../workflows/plan.ts';
import type { ObjectsPort, SessionsPort } from '../ports.ts';
import { readSegments, readSpanSegments } from '../transcripts.ts';

/** Of a session that runs so many of the last finals are kept for its readers. */
const KEPT = 256;
/** Finals that are read at a time for a reader that is behind. */
const READ_AT_ONCE = 256;
/** Finished spans that are looked at before readers are told. */
const SPANS_AT_ONCE = 16;

export interface Stores {
  readonly sessions: Pick<SessionsPort, 'segments'>;
  readonly objects: ObjectsPort;
}

export interface FinalSource {
  /** Finals there are. */
  readonly count: number;
  /** Reads what is new. Answers whether there may be more at once. */
  advance(view: SessionView): Promise<boolean>;
  /** Some of the finals from an index on: all of them in as many calls as it takes. */
  read(from: number): Promise<readonly Segment[]>;
}

/** The last finals, which most readers want. */
class Recent {
  #first = 0;
  #segments: readonly Segment[] = [];

  get end(): number {
    return this.#first + this.#segments.length;
  }

  /** @param first index of the first of them; what lies between it and those known is read from elsewhere */
  add(first: number, segments: readonly Segment[]): void {
    const all = first === this.end ? [...this.#segments, ...segments] : segments;
    const start = first === this.end ? this.#first : first;
    this.#segments = all.slice(-KEPT);
    this.#first = start + all.length - this.#segments.length;
  }

  from(index: number): readonly Segment[] | null {
    return index >= this.#first ? this.#segments.slice(index - this.#first) : null;
  }
}

/** Of a live session: its workflow's tail, and before that its checkpoints. */
export class LiveFinals implements FinalSource {
  readonly #stores: Stores;
  readonly #ref: SessionRef;
  readonly #recent = new Recent();

  constructor(stores: Stores, ref: SessionRef) {
    this.#stores = stores;
    this.#ref = ref;
  }

  get count(): number {
    return this.#recent.end;
  }

  async advance({ nextIndex }: SessionView): Promise<boolean> {
    if (nextIndex <= this.count) return false;
    const from = this.count;
    const { tailFrom, segments } = await this.#stores.sessions.segments(this.#ref, from);
    this.#recent.add(Math.max(from, tailFrom), segments);
    return false;
  }

  async read(from: number): Promise<readonly Segment[]> {
    const { sessions, objects } = this.#stores;
    return this.#recent.from(from) ?? (await readSegments(sessions, objects, this.#ref, from, READ_AT_ONCE));
  }
}

/** Finals that were settled together: those of these spans that begin in a stretch of time. */
interface Block {
  /** Index of the first of them. */
  readonly first: number;
  readonly spans: readonly number[];
  readonly fromMs: number;
  readonly beforeMs: number;
}

/**
 * Of a file that is being transcribed: the transcripts of its spans, as far as they follow each other without a gap. A
 * final's index is its place in the whole, so what lies behind an unfinished span has none yet. Where several channels
 * are joined in the order of time, what begins before the first unfinished span of any has its place: spans are in the
 * order of time, and no final begins before its span.
 */
export class FileFinals implements FinalSource {
  readonly #stores: Stores;
  readonly #ref: SessionRef;
  readonly #recent = new Recent();
  readonly #blocks: Block[] = [];
  #plan: readonly FileSpan[] | null = null;
  /** The first span that is not read. */
  #span = 0;
  /** Of spans that are read, and without a place yet. */
  #held: readonly (Segment & { readonly span: number })[] = [];
  #settledMs = 0;
  #count = 0;

  constructor(stores: Stores, ref: SessionRef) {
    this.#stores = stores;
    this.#ref = ref;
  }

  get count(): number {
    return this.#count;
  }

  async advance({ spans, channels = 1 }: SessionView): Promise<boolean> {
    if (spans === null || spans.done === 0) return false;
    if (channels > 1 && (this.#plan ??= await this.#readPlan()) === null) return false;
    for (let read = 0; read < SPANS_AT_ONCE; read += 1) {
      if (this.#span >= spans.total) return false;
      const segments = await this.#segmentsOf(this.#span);
      if (segments === null) return false;
      this.#held = [...this.#held, ...segments.map((segment) => ({ ...segment, span: this.#span }))];
      this.#span += 1;
      this.#settle();
    }
    return true;
  }

  /** Gives a place to what no unfinished span can come before. */
  #settle(): void {
    const next = this.#plan?.[this.#span];
    const beforeMs = next === undefined ? Infinity : next.fromByte / LOG_BYTES_PER_MS;
    const settled = this.#held.filter(({ startMs }) => startMs < beforeMs);
    if (settled.length === 0) return;
    this.#held = this.#held.filter(({ startMs }) => startMs >= beforeMs);
    const block: Block = {
      first: this.#count,
      spans: [...new Set(settled.map(({ span }) => span))],
      fromMs: this.#settledMs,
      beforeMs,
    };
    this.#blocks.push(block);
    this.#recent.add(
      block.first,
      this.#placed(
        block,
        settled.map(({ span: _span, ...segment }) => segment),
      ),
    );
    this.#count += settled.length;
    if (this.#plan !== null) this.#settledMs = beforeMs;
  }

  async read(from: number): Promise<readonly Segment[]> {
    const recent = this.#recent.from(from);
    const block = this.#blocks.findLast(({ first }) => first <= from);
    if (recent !== null || from >= this.count || block === undefined) return recent ?? [];
    const parts: (readonly Segment[])[] = [];
    for (const span of block.spans) parts.push((await this.#segmentsOf(span)) ?? []);
    const isSettledThen = ({ startMs }: Segment): boolean => startMs >= block.fromMs && startMs < block.beforeMs;
    return this.#placed(block, parts.flat().filter(isSettledThen)).slice(from - block.first);
  }

  /** In the order in which the transcript has them. */
  #placed({ first }: Block, segments: readonly Segment[]): Segment[] {
    const ordered =
      this.#plan === null ? segments : segments.toSorted((a, b) => a.startMs - b.startMs || a.channel - b.channel);
    return ordered.map((segment, at) => ({ ...segment, index: first + at }));
  }

  /** Null: it is not finished. */
  #segmentsOf(span: number): Promise<readonly Segment[] | null> {
    return readSpanSegments(this.#stores.objects, this.#ref, span);
  }

  /** Null: it is not there; of a file that an earlier version began there is none. */
  async #readPlan(): Promise<readonly FileSpan[] | null> {
    const plan = await this.#stores.objects.get(objectKeys.plan(this.#ref));
    return plan === null ? null : spansOf(JSON.parse(Buffer.from(plan).toString('utf8')) as FilePlan);
  }
}

/** Of a session that has ended: all of them, read once for all its readers. */
export class EndedFinals implements FinalSource {
  readonly #segments: readonly Segment[];

  constructor(segments: readonly Segment[]) {
    this.#segments = segments;
  }

  get count(): number {
    return this.#segments.length;
  }

  advance(): Promise<boolean> {
    return Promise.resolve(false);
  }

  read(from: number): Promise<readonly Segment[]> {
    return Promise.resolve(this.#segments.slice(from));
  }
}
