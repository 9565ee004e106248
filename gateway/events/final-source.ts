/** A session's finals by index, whether it runs or has ended, and however they are stored meanwhile. */
import type { Segment, SessionRef, SessionView } from '../../workflows/contract.ts';
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

/**
 * Of a file that is being transcribed: the transcripts of its spans, as far as they follow each other without a gap. A
 * final's index is its place in the whole, so what lies behind an unfinished span has none yet; nor has, where several
 * channels are joined in the order of time, anything before the end.
 */
export class FileFinals implements FinalSource {
  readonly #stores: Stores;
  readonly #ref: SessionRef;
  readonly #recent = new Recent();
  /** Index of each finished span's first final; one more than there are such spans. */
  readonly #firsts = [0];

  constructor(stores: Stores, ref: SessionRef) {
    this.#stores = stores;
    this.#ref = ref;
  }

  get count(): number {
    return this.#firsts.at(-1) ?? 0;
  }

  async advance({ spans, channels = 1 }: SessionView): Promise<boolean> {
    if (channels > 1) return false;
    for (let read = 0; read < SPANS_AT_ONCE; read += 1) {
      const span = this.#firsts.length - 1;
      if (spans === null || span >= spans.total || spans.done === 0) return false;
      const segments = await this.#span(span);
      if (segments === null) return false;
      this.#recent.add(this.count, segments);
      this.#firsts.push(this.count + segments.length);
    }
    return true;
  }

  async read(from: number): Promise<readonly Segment[]> {
    const recent = this.#recent.from(from);
    if (recent !== null || from >= this.count) return recent ?? [];
    // The last of those that begin there: a span may be empty.
    const span = this.#firsts.findLastIndex((first) => first <= from);
    return ((await this.#span(span)) ?? []).slice(from - (this.#firsts[span] ?? 0));
  }

  /** Null: it is not finished. */
  async #span(span: number): Promise<readonly Segment[] | null> {
    const segments = await readSpanSegments(this.#stores.objects, this.#ref, span);
    const first = this.#firsts[span] ?? 0;
    return segments?.map((segment, at) => ({ ...segment, index: first + at })) ?? null;
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
