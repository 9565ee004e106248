/** The audio of a session that is not known to be stored, by byte offset from the session's start; bounded. */

/** No kept piece is longer: each travels as one WebSocket frame. */
const MAX_PIECE_BYTES = 32_768;

export class PendingAudio {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #pieces = [];
  #from = 0;
  #end = 0;
  #maxBytes;

  /** @param {number} maxBytes held at most */
  constructor(maxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Everything before this byte is stored. */
  get from() {
    return this.#from;
  }

  /** Bytes from the session's start, with those that are held. */
  get end() {
    return this.#end;
  }

  /** Bytes that are held. */
  get bytes() {
    return this.#end - this.#from;
  }

  /** @returns {readonly Uint8Array<ArrayBuffer>[]} */
  get pieces() {
    return this.#pieces;
  }

  /**
   * Moves what is held to another place: a session that is gone on with begins where the server says.
   * @param {number} offset
   */
  moveTo(offset) {
    this.#end = offset + this.bytes;
    this.#from = offset;
  }

  /**
   * Takes the next bytes, all or none.
   * @param {Uint8Array} audio
   * @returns {readonly Uint8Array<ArrayBuffer>[] | null} the pieces they were cut into; null when there is no room
   */
  add(audio) {
    if (this.bytes + audio.length > this.#maxBytes) return null;
    const news = [];
    for (let at = 0; at < audio.length; at += MAX_PIECE_BYTES) news.push(audio.slice(at, at + MAX_PIECE_BYTES));
    this.#pieces.push(...news);
    this.#end += audio.length;
    return news;
  }

  /**
   * Forgets what lies before `offset`.
   * @param {number} offset
   */
  release(offset) {
    const until = Math.min(offset, this.#end);
    for (let [first] = this.#pieces; first !== undefined && this.#from < until; [first] = this.#pieces) {
      const isWhole = this.#from + first.length <= until;
      if (isWhole) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(until - this.#from);
      this.#from = isWhole ? this.#from + first.length : until;
    }
  }
}
