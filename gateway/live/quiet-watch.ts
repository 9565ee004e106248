/** Notices that a client which is connected sends no audio. */
export class QuietWatch {
  readonly #graceMs: number;
  readonly #quiet: () => void;
  #heardAtMs = 0;
  #timer: NodeJS.Timeout | null = null;

  /** @param quiet called once no audio has come for `graceMs`, and again each time it has come and stopped. */
  constructor(graceMs: number, quiet: () => void) {
    this.#graceMs = graceMs;
    this.#quiet = quiet;
  }

  /** Audio has come, or is waited for from now on. Cheap: called with each frame. */
  heard(): void {
    this.#heardAtMs = performance.now();
    this.#timer ??= this.#look(this.#graceMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #look(inMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      const leftMs = this.#heardAtMs + this.#graceMs - performance.now();
      this.#timer = leftMs > 0 ? this.#look(leftMs) : null;
      if (leftMs <= 0) this.#quiet();
    }, inMs).unref();
  }
}
