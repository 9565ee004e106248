/** Waits until everything up to a place in the audio has its final. */

/** A final that ends so shortly before the place is the last one. */
const SLACK_MS = 100;
/** A recogniser that has heard all, and makes no final for so long, has none to make. */
const GRACE_MS = 1000;

export class Flush {
  readonly #throughMs: number;
  readonly #done: () => void;
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;

  constructor(throughMs: number, done: () => void) {
    this.#throughMs = throughMs;
    this.#done = done;
  }

  /** A final accounts for the audio up to here. */
  final(audioEndMs: number): void {
    if (audioEndMs >= this.#throughMs - SLACK_MS) this.#end();
  }

  /** The recogniser has heard the audio up to here. */
  heard(throughMs: number): void {
    if (throughMs < this.#throughMs - SLACK_MS || this.#isOver) return;
    this.#timer ??= setTimeout(() => this.#end(), GRACE_MS).unref();
  }

  /** Nobody waits any more. */
  close(): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #end(): void {
    if (this.#isOver) return;
    this.close();
    this.#done();
  }
}
