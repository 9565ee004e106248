/** No kept piece is longer: each travels as one WebSocket frame. */
const MAX_PIECE_BYTES = 32_768;

/** The audio of a session that is not known to be stored, by byte offset from the start of the session. */
export class Unacknowledged {
  #pieces: Uint8Array[] = [];
  /** Everything before is stored. */
  #from = 0;
  #end = 0;

  /** Bytes added so far. */
  get end(): number {
    return this.#end;
  }

  /** Everything before is stored; may lie ahead of {@link end}. */
  get from(): number {
    return this.#from;
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return Math.max(0, this.#end - this.#from);
  }

  /** Adds the next bytes; answers the pieces among them that are not stored yet. */
  add(audio: Uint8Array): Uint8Array[] {
    const start = this.#end;
    this.#end += audio.length;
    const news: Uint8Array[] = [];
    for (let at = Math.max(0, this.#from - start); at < audio.length; at += MAX_PIECE_BYTES) {
      news.push(audio.slice(at, at + MAX_PIECE_BYTES));
    }
    this.#pieces.push(...news);
    return news;
  }

  /** Forgets what lies before `offset`, which may lie ahead of what was added: then that is not kept either. */
  release(offset: number): void {
    let start = this.#from;
    while (this.#pieces[0] !== undefined && start + this.#pieces[0].length <= offset) {
      start += this.#pieces.shift()?.length ?? 0;
    }
    if (this.#pieces[0] !== undefined && start < offset) this.#pieces[0] = this.#pieces[0].subarray(offset - start);
    this.#from = Math.max(this.#from, offset);
  }

  /** Whether everything from `offset` on is still here. */
  reaches(offset: number): boolean {
    return offset >= this.#from;
  }

  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }
}
