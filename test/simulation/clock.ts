/** Virtual time and seeded chance: everything that happens in a simulated world, in one order that a seed decides. */

/** Something that may stop, or be stopped for a while: what it was to do then waits until it goes on. */
export class Process {
  isAlive = true;
  isHung = false;
  #waiting: (() => void)[] = [];

  run(work: () => void): void {
    if (!this.isAlive) return;
    if (this.isHung) this.#waiting.push(work);
    else work();
  }

  wake(): void {
    this.isHung = false;
    for (const work of this.#waiting.splice(0)) this.run(work);
  }
}

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly work: () => void;
}

export class Clock {
  nowMs = 0;
  steps = 0;
  #random: number;
  #order = 0;
  readonly #heap: Due[] = [];

  constructor(seed: number) {
    this.#random = seed >>> 0;
  }

  /** 0 to 1, by mulberry32: https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) >>> 0;
    let t = this.#random;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  /** A whole number from `from` to `to`. */
  between(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[this.between(0, items.length - 1)];
  }

  after(ms: number, work: () => void): void {
    this.#push({ atMs: this.nowMs + ms, order: this.#order++, work });
  }

  /** A message: late by chance, so that two of them may change places. */
  message(work: () => void): void {
    this.after(this.chance(0.05) ? this.between(50, 1500) : this.between(1, 20), work);
  }

  /** Does the next thing that is due; false when nothing is. */
  step(): boolean {
    const next = this.#pop();
    if (next === undefined) return false;
    this.nowMs = next.atMs;
    this.steps += 1;
    next.work();
    return true;
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let at = heap.push(due) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above], due)) break;
      heap[at] = heap[above] as Due;
      at = above;
    }
    heap[at] = due;
  }

  #pop(): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1], heap[below] as Due)) below += 1;
      if (isBefore(last, heap[below] as Due)) break;
      heap[at] = heap[below] as Due;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

const isBefore = (a: Due | undefined, b: Due): boolean =>
  a !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order));
