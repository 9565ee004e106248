/** Of the decoder's log the first and the last so many characters are kept: a hostile file makes it endless. */
const KEPT = 16_384;

export class LogEnds {
  #head = '';
  #tail = '';

  add(text: string): void {
    const room = KEPT - this.#head.length;
    this.#head += text.slice(0, room);
    this.#tail = (this.#tail + text.slice(Math.max(0, room))).slice(-KEPT);
  }

  get text(): string {
    return this.#tail === '' ? this.#head : `${this.#head}\n${this.#tail}`;
  }
}
