import { duration } from './table.ts';

/** How fast it goes, and when it will end at that pace. */
export class Pace {
  readonly #total: number;
  readonly #startedMs: number;
  #done = 0;

  constructor(total: number, startedMs: number) {
    this.#total = total;
    this.#startedMs = startedMs;
  }

  ended(): void {
    this.#done += 1;
  }

  get share(): number {
    return this.#total === 0 ? 1 : this.#done / this.#total;
  }

  /** `3 of 10, 12/min, 40 s left`. */
  text(nowMs: number): string {
    const count = `${this.#done} of ${this.#total}`;
    const sinceMs = nowMs - this.#startedMs;
    if (this.#done === 0 || sinceMs <= 0) return count;
    const perMinute = (this.#done / sinceMs) * 60_000;
    const leftMs = (sinceMs / this.#done) * (this.#total - this.#done);
    return `${count}, ${perMinute < 10 ? perMinute.toFixed(1) : perMinute.toFixed(0)}/min, ${duration(leftMs)} left`;
  }
}
