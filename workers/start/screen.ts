/** What a person sees: lines, and on a terminal one last line that is rewritten in place. */

export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const CLEAR_LINE = '\r\u001b[2K';

export class Screen {
  readonly #output: Output;
  #hasDraft = false;

  constructor(output: Output) {
    this.#output = output;
  }

  line(text: string): void {
    this.#output.write(`${this.#hasDraft ? CLEAR_LINE : ''}${text}\n`);
    this.#hasDraft = false;
  }

  /** Shows text that the next call replaces; nowhere but on a terminal. Its end is what is seen when it is too long. */
  draft(text: string): void {
    if (this.#output.isTTY !== true) return;
    // A terminal that does not know its width says 0.
    const { columns = 0 } = this.#output;
    const width = (columns > 0 ? columns : 80) - 1;
    this.#output.write(`${CLEAR_LINE}${text.length > width ? `…${text.slice(1 - width)}` : text}`);
    this.#hasDraft = true;
  }
}
