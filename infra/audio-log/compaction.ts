/**
 * Compaction of audio logs, beside the writing: what this process has seen stored for long enough is joined into few long
 * stretches, so that a log of days can be listed at once. What has been joined is deleted only after the same time again:
 * so long anything that was listed can be read as it was listed. Nobody waits for it, and what it leaves undone another
 * does.
 */
import { dropJoined, joinBlocks, UnjoinableError } from './join.ts';
import { LOG_FORMAT } from './stretches.ts';
import type { LogFormat, StretchStore } from './stretches.ts';

export interface CompactionOptions {
  /** How long a stretch is left as it is. All processes that write to a store share it ({@link AudioLogOptions}). */
  readonly settleMs: number;
  readonly failed: (error: unknown, prefix: string) => void;
  readonly format?: LogFormat;
}

/** Complete blocks of a log, and when they may be joined. */
interface Due {
  readonly prefix: string;
  readonly step: 'join' | 'drop';
  readonly blocks: number;
  readonly atMs: number;
}

/** Blocks in work at a time, each of at most 5 MiB; the other bound is the store's own. */
const LANES = 2;
/** What is forgotten about a log is looked through again. */
const MAX_KNOWN = 10_000;

export class Compaction {
  readonly #store: StretchStore;
  readonly #options: CompactionOptions;
  readonly #format: LogFormat;
  /** In the order in which they fall due. */
  readonly #queue: Due[] = [];
  /** Blocks of a log that are in the queue or done. */
  readonly #asked = new Map<string, number>();
  /** Blocks of a log with which nothing is left to be done. */
  readonly #done = new Map<string, number>();
  readonly #working = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(store: StretchStore, options: CompactionOptions) {
    this.#store = store;
    this.#options = options;
    this.#format = options.format ?? LOG_FORMAT;
  }

  /** A log reaches this far now. */
  seen(prefix: string, durableBytes: number): void {
    const { appendBytes, blockBytes } = this.#format;
    // The last stretch begins no further back: it ends the block before its own.
    const blocks = Math.floor((durableBytes - appendBytes) / blockBytes);
    if (this.#closed || blocks <= (this.#asked.get(prefix) ?? 0)) return;
    remember(this.#asked, prefix, blocks);
    this.#ask('join', prefix, blocks);
  }

  /** Begins nothing more. What is in work may break off: it is done again by another. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #ask(step: Due['step'], prefix: string, blocks: number): void {
    if (this.#closed) return;
    this.#queue.push({ prefix, step, blocks, atMs: performance.now() + this.#options.settleMs });
    this.#plan();
  }

  #plan(): void {
    if (this.#closed || this.#timer !== null || this.#working.size >= LANES) return;
    // The next one of a log that is in work waits for the end of that.
    const next = this.#queue.find(({ prefix }) => !this.#working.has(prefix));
    if (next === undefined) return;
    this.#timer = setTimeout(() => this.#begin(next), Math.max(0, next.atMs - performance.now()));
    this.#timer.unref();
  }

  #begin(due: Due): void {
    this.#timer = null;
    this.#queue.splice(this.#queue.indexOf(due), 1);
    this.#working.add(due.prefix);
    void this.#work(due).finally(() => {
      this.#working.delete(due.prefix);
      this.#plan();
    });
    this.#plan();
  }

  async #work({ prefix, step, blocks: toBlock }: Due): Promise<void> {
    const blocks = { prefix, fromBlock: this.#done.get(prefix) ?? 0, toBlock };
    try {
      if (step === 'join') {
        await joinBlocks(this.#store, blocks, this.#format);
        this.#ask('drop', prefix, toBlock);
      } else {
        await dropJoined(this.#store, blocks, this.#format);
        remember(this.#done, prefix, toBlock);
      }
    } catch (error) {
      this.#options.failed(error, prefix);
      // Storage that is away comes back; a log with a hole stays as it is, until it is seen to grow.
      if (!(error instanceof UnjoinableError)) this.#ask(step, prefix, toBlock);
    }
  }
}

function remember(known: Map<string, number>, prefix: string, blocks: number): void {
  known.delete(prefix);
  const [oldest] = known.size >= MAX_KNOWN ? known.keys() : [];
  if (oldest !== undefined) known.delete(oldest);
  known.set(prefix, blocks);
}
