/** A process's output on disk, bounded: the file and one older one. */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A log file grows to so many bytes, then it becomes `<name>.1`. */
const MAX_BYTES = 32 << 20;
const TAIL_LINES = 12;

export class LogFile {
  readonly path: string;
  readonly #maxBytes: number;
  #file: number;
  #bytes: number;
  #tail: string[] = [];

  constructor(path: string, maxBytes = MAX_BYTES) {
    mkdirSync(dirname(path), { recursive: true });
    this.path = path;
    this.#maxBytes = maxBytes;
    this.#file = openSync(path, 'a');
    this.#bytes = fstatSync(this.#file).size;
  }

  /** The last lines written. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Writes a line of the process as it is. */
  line(text: string): void {
    this.#tail = [...this.#tail.slice(1 - TAIL_LINES), text];
    if (this.#bytes > this.#maxBytes) this.#rotate();
    try {
      this.#bytes += writeSync(this.#file, `${text}\n`);
    } catch {
      // A full disk must not end the supervisor: the line is dropped.
    }
  }

  /** Writes a fact about the process, as a JSON line like the process's own. */
  fact(event: string, fields: Record<string, unknown>): void {
    this.line(JSON.stringify({ time: new Date().toISOString(), supervisor: event, ...fields }));
  }

  close(): void {
    closeSync(this.#file);
  }

  #rotate(): void {
    renameSync(this.path, `${this.path}.1`);
    closeSync(this.#file);
    this.#file = openSync(this.path, 'a');
    this.#bytes = 0;
  }
}
