/** How often something may come: so many a second on the average, and ten seconds' worth of them at once (a token bucket). */

/** Seconds whose worth may come at once. */
const AT_ONCE_S = 10;

export class Rate {
  readonly #perSecond: number;
  #left: number;
  #atMs: number;

  /** @param perSecond on the average */
  constructor(perSecond: number, nowMs = performance.now()) {
    this.#perSecond = perSecond;
    this.#left = perSecond * AT_ONCE_S;
    this.#atMs = nowMs;
  }

  /** One more has come; false where it is one too many. That one is not counted. @param nowMs of a monotonic clock */
  take(nowMs = performance.now()): boolean {
    const gained = ((nowMs - this.#atMs) * this.#perSecond) / 1000;
    this.#left = Math.min(this.#perSecond * AT_ONCE_S, this.#left + gained);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
