/**
 * What the client has been given, and what it must be given next: finals in order, each once, none skipped. Finals that
 * this gateway has not seen (committed through another gateway, or while no client was here) are fetched.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isStorageDamage } from '../failures.ts';
import type { Segment } from '../../workflows/contract.ts';

const RETRY_MS = 200;
/** Damaged as often as this, they stay damaged. */
const MAX_DAMAGED = 15;

export class Finals {
  readonly #fetch: (from: number) => Promise<readonly Segment[]>;
  readonly #give: (segment: Segment) => void;
  readonly #waiting = new Map<number, Segment>();
  #next: number;
  #known = 0;
  #fetching = false;
  #closed = false;
  readonly #drained: (() => void)[] = [];
  readonly #broken: (error: unknown) => void;
  #damaged = 0;

  /**
   * @param next index of the first final to give. @param fetch all committed segments from an index on.
   * @param broken storage has lost finals: none can follow.
   */
  constructor(
    next: number,
    fetch: (from: number) => Promise<readonly Segment[]>,
    give: (segment: Segment) => void,
    broken: (error: unknown) => void,
  ) {
    this.#next = next;
    this.#fetch = fetch;
    this.#give = give;
    this.#broken = broken;
  }

  /** Committed segments have come from a worker. */
  offer(segments: readonly Segment[]): void {
    for (const segment of segments) {
      if (segment.index >= this.#next) this.#waiting.set(segment.index, segment);
      this.#known = Math.max(this.#known, segment.index + 1);
    }
    this.#advance();
  }

  /** So many segments are committed; the missing ones are fetched. */
  know(count: number): void {
    this.#known = Math.max(this.#known, count);
    this.#advance();
  }

  /** Resolves when all known finals are given, or when closed. */
  async drained(): Promise<void> {
    if (this.#closed || this.#next >= this.#known) return;
    await new Promise<void>((resolve) => this.#drained.push(resolve));
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#sayDrained();
  }

  #sayDrained(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #advance(): void {
    if (this.#closed) return;
    for (let segment = this.#waiting.get(this.#next); segment !== undefined; segment = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      this.#give(segment);
    }
    if (this.#next < this.#known) void this.#catchUp();
    else this.#sayDrained();
  }

  async #catchUp(): Promise<void> {
    if (this.#fetching) return;
    this.#fetching = true;
    const missing = await this.#fetch(this.#next).catch((error: unknown) => this.#failed(error));
    // Not there yet, or not to be had: asking again at once would not help.
    if (!missing.some(({ index }) => index === this.#next)) await pause(RETRY_MS);
    this.#fetching = false;
    this.offer(missing);
  }

  #failed(error: unknown): readonly Segment[] {
    this.#damaged = isStorageDamage(error) ? this.#damaged + 1 : 0;
    if (this.#damaged < MAX_DAMAGED || this.#closed) return [];
    this.close();
    this.#broken(error);
    return [];
  }
}
