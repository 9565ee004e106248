/** When a worker ends by itself: after the sessions it was started for, or when none comes. */
export class Retirement {
  readonly #work: { readonly isDone: boolean; readonly sessions: readonly unknown[] };
  readonly #idleMs: number;
  readonly #over = Promise.withResolvers<string>();
  #timer: NodeJS.Timeout | null = null;

  /** @param idleMs without a session for so long it ends; Infinity: never for that. */
  constructor(idleMs: number, work: { readonly isDone: boolean; readonly sessions: readonly unknown[] }) {
    this.#idleMs = idleMs;
    this.#work = work;
    this.changed();
  }

  /** Resolves, with the reason, when the worker is to end. */
  get over(): Promise<string> {
    return this.#over.promise;
  }

  /** A session has come or gone. */
  changed(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#work.isDone) this.#over.resolve('its sessions are served');
    else if (this.#work.sessions.length === 0 && this.#idleMs !== Infinity) {
      this.#timer = setTimeout(() => this.#over.resolve('no session came'), this.#idleMs);
    }
  }
}
