/**
 * What the client has been given, and what it must be given next: finals in order, each once, none skipped. Finals that
 * this gateway has not seen (committed through another gateway, or while no client was here) are fetched.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { isStorageDamage } from '../failures.ts';
import type { Segment } from '../../workflows/contract.ts';

const RETRY_MS = 200;
/** While so many wait for their turn, those that come are not held: they are fetched when their turn has come. */
const MAX_WAITING = 1000;
/** Damaged as often as this, they stay damaged. */
const MAX_DAMAGED = 15;

/** Who reads the finals. */
export interface FinalsReader {
  give(segment: Segment): void;
  /** null while there is room for more; otherwise resolves once there is. */
  room(): Promise<unknown> | null;
  /** Storage has lost finals: none can follow. */
  broken(error: unknown): void;
}

export class Finals {
  readonly #fetch: (from: number) => Promise<readonly Segment[]>;
  readonly #reader: FinalsReader;
  readonly #waiting = new Map<number, Segment>();
  #next: number;
  #known = 0;
  #fetching = false;
  /** What was missed is given as fast as it is read, not at once: hours of finals are more than may be left unread. */
  #catchingUp = false;
  #holding = false;
  #closed = false;
  readonly #drained: (() => void)[] = [];
  #damaged = 0;

  /** @param next index of the first final to give. @param fetch committed segments from an index on, as many as it likes. */
  constructor(next: number, fetch: (from: number) => Promise<readonly Segment[]>, reader: FinalsReader) {
    this.#next = next;
    this.#fetch = fetch;
    this.#reader = reader;
  }

  /** Committed segments have come from a worker. */
  offer(segments: readonly Segment[]): void {
    this.#take(segments.filter(({ index }) => index === this.#next || this.#waiting.size < MAX_WAITING));
    this.know((segments.at(-1)?.index ?? -1) + 1);
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

  #take(segments: readonly Segment[]): void {
    for (const segment of segments) if (segment.index >= this.#next) this.#waiting.set(segment.index, segment);
  }

  #advance(): void {
    if (!this.#closed && this.#giveWaiting()) this.#follow();
  }

  /** Answers false where the reader has no room for more. */
  #giveWaiting(): boolean {
    for (let segment = this.#waiting.get(this.#next); segment !== undefined; segment = this.#waiting.get(this.#next)) {
      if (this.#isHeldBack()) return false;
      this.#waiting.delete(this.#next);
      this.#next += 1;
      this.#reader.give(segment);
    }
    return true;
  }

  /** What was given may have closed the reader. */
  #follow(): void {
    if (this.#closed) return;
    if (this.#next < this.#known) void this.#catchUp();
    else {
      this.#catchingUp = false;
      this.#sayDrained();
    }
  }

  #isHeldBack(): boolean {
    if (!this.#catchingUp) return false;
    if (this.#holding) return true;
    const room = this.#reader.room();
    if (room === null) return false;
    this.#holding = true;
    void room.then(() => {
      this.#holding = false;
      this.#advance();
    });
    return true;
  }

  async #catchUp(): Promise<void> {
    if (this.#fetching || this.#closed) return;
    this.#fetching = true;
    this.#catchingUp = true;
    const missing = await this.#fetch(this.#next).catch((error: unknown) => this.#failed(error));
    // Not there yet, or not to be had: asking again at once would not help.
    if (!missing.some(({ index }) => index === this.#next)) await pause(RETRY_MS);
    this.#fetching = false;
    this.#take(missing);
    this.know((missing.at(-1)?.index ?? -1) + 1);
  }

  #failed(error: unknown): readonly Segment[] {
    this.#damaged = isStorageDamage(error) ? this.#damaged + 1 : 0;
    if (this.#damaged < MAX_DAMAGED || this.#closed) return [];
    this.close();
    this.#reader.broken(error);
    return [];
  }
}
