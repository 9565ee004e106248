/** A signal of its own for a while: aborted by the one it comes from, or when its time is over. */
export class Turn {
  readonly #turn = new AbortController();
  readonly #whole: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = (): void => this.#turn.abort();

  constructor(whole: AbortSignal, ms: number) {
    this.#whole = whole;
    whole.addEventListener('abort', this.#abort, { once: true });
    if (whole.aborted) this.#abort();
    this.#timer = setTimeout(this.#abort, ms).unref();
  }

  get signal(): AbortSignal {
    return this.#turn.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#whole.removeEventListener('abort', this.#abort);
  }
}
