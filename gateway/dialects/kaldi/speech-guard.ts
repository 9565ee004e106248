/**
 * Notices that nobody speaks: the recogniser has heard so much audio since the last word, or the client has sent none for
 * so long. What waits to be heard, and the time without a worker, do not count.
 */
export class SpeechGuard {
  readonly #limitMs: number;
  readonly #silent: () => void;
  #spokenMs: number | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isOn = false;

  /** @param limitMs 0: never */
  constructor(limitMs: number, silent: () => void) {
    this.#limitMs = limitMs;
    this.#silent = silent;
  }

  /** A worker listens. */
  start(): void {
    if (this.#limitMs === 0) return;
    this.#isOn = true;
    this.sent();
  }

  stop(): void {
    this.#isOn = false;
    this.#spokenMs = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** The client has sent audio. */
  sent(): void {
    if (!this.#isOn) return;
    if (this.#timer === null) this.#timer = setTimeout(() => this.#end(), this.#limitMs).unref();
    else this.#timer.refresh();
  }

  /** Words were heard, up to here in the audio. */
  spoken(endMs: number): void {
    this.#spokenMs = Math.max(this.#spokenMs ?? 0, endMs);
  }

  /** The recogniser has heard the audio up to here. */
  heard(throughMs: number): void {
    if (!this.#isOn) return;
    this.#spokenMs ??= throughMs;
    if (throughMs - this.#spokenMs > this.#limitMs) this.#end();
  }

  #end(): void {
    if (!this.#isOn) return;
    this.stop();
    this.#silent();
  }
}
