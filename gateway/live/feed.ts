/**
 * Sends a worker the audio log from a byte on: what is in storage first, then what is in memory, then what comes, without
 * gap or overlap, and never further ahead of the recogniser than allowed.
 */
/** Where the audio goes: a worker's WebSocket. */
export interface FeedSocket {
  /** Bytes that wait to be written. */
  readonly bufferedAmount: number;
  /** @param written called when the bytes are written, or cannot be. */
  send(data: string | Uint8Array, written?: () => void): void;
}

/** Where the audio is. Offsets are bytes in the audio log. */
export interface FeedSource {
  /** First byte held in memory; null when this gateway takes in no audio of the session. */
  readonly memoryStart: number | null;
  fromMemory(offset: number): Buffer | null;
  readStored(fromByte: number, toByte: number | undefined): AsyncIterable<Uint8Array>;
  /** Where the audio ends; null while more may come. */
  readonly endByte: number | null;
}

const MAX_UNSENT_BYTES = 1 << 20;
const MAX_MESSAGE_BYTES = 256 << 10;

export class Feed {
  readonly #socket: FeedSocket;
  readonly #source: FeedSource;
  readonly #aheadBytes: number;
  #position: number;
  #consumed: number;
  #resume: (() => void) | null = null;
  /** Something changed since the loop last looked: it must look again before it sleeps. */
  #woken = false;
  #closed = false;
  /** Bytes after which the worker is to make finals, in order. */
  readonly #finalizeAt: number[] = [];

  constructor(socket: FeedSocket, source: FeedSource, fromByte: number, aheadBytes: number) {
    this.#socket = socket;
    this.#source = source;
    this.#position = fromByte;
    this.#consumed = fromByte;
    this.#aheadBytes = aheadBytes;
  }

  /** Bytes up to which audio was sent. */
  get position(): number {
    return this.#position;
  }

  /** Bytes up to which the recogniser has said it took audio in. */
  get consumed(): number {
    return this.#consumed;
  }

  consumedTo(bytes: number): void {
    this.#consumed = Math.max(this.#consumed, bytes);
    this.wake();
  }

  /** Something has changed: audio came, the end is known, the worker has taken audio in. */
  wake(): void {
    this.#woken = true;
    this.#resume?.();
  }

  /** Asks for finals of the audio before a byte: said when that audio is sent, so that it cannot overtake it. */
  finalize(atByte: number): void {
    this.#finalizeAt.push(atByte);
    this.#finalizeIfReached();
  }

  #finalizeIfReached(): void {
    const [next] = this.#finalizeAt;
    if (next === undefined || this.#position < next) return;
    // Those that stand at the same byte are one.
    while (this.#finalizeAt[0] !== undefined && this.#finalizeAt[0] <= this.#position) this.#finalizeAt.shift();
    this.#socket.send(JSON.stringify({ type: 'finalize' }));
  }

  close(): void {
    this.#closed = true;
    this.wake();
  }

  /** Sends until the end of the audio, said by an `end` message, or until closed. */
  async run(): Promise<void> {
    while (!this.#closed) {
      this.#woken = false;
      const { endByte } = this.#source;
      if (endByte !== null && this.#position >= endByte) {
        this.#socket.send(JSON.stringify({ type: 'end', bytes: endByte }));
        return;
      }
      const progressed = this.#mayContinue() && (this.#sendFromMemory() || (await this.#sendStored()));
      if (!progressed) await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    if (!this.#woken) await new Promise<void>((resolve) => (this.#resume = resolve));
    this.#resume = null;
    this.#woken = false;
  }

  #mayContinue(): boolean {
    return this.#position - this.#consumed < this.#aheadBytes && this.#socket.bufferedAmount < MAX_UNSENT_BYTES;
  }

  #send(bytes: Uint8Array): void {
    const limit = Math.min(this.#source.endByte ?? Infinity, this.#finalizeAt[0] ?? Infinity) - this.#position;
    const cut = bytes.subarray(0, Math.min(MAX_MESSAGE_BYTES, limit));
    this.#position += cut.length;
    // Waking on the write's end matters only where the socket was full.
    if (this.#socket.bufferedAmount < MAX_UNSENT_BYTES / 2) this.#socket.send(cut);
    else this.#socket.send(cut, () => this.wake());
    this.#finalizeIfReached();
  }

  #sendFromMemory(): boolean {
    const bytes = this.#source.fromMemory(this.#position);
    if (bytes === null || bytes.length === 0) return false;
    this.#send(bytes);
    return true;
  }

  /** Sends what storage holds before the memory's start; answers whether there was anything. */
  async #sendStored(): Promise<boolean> {
    const { memoryStart, endByte } = this.#source;
    if (memoryStart !== null && this.#position >= memoryStart) return false;
    const before = this.#position;
    for await (const bytes of this.#source.readStored(this.#position, memoryStart ?? endByte ?? undefined)) {
      for (let sent = 0; sent < bytes.length;) {
        while (!this.#closed && !this.#mayContinue()) await this.#sleep();
        if (this.#closed) return true;
        const from = this.#position;
        this.#send(bytes.subarray(sent));
        sent += this.#position - from;
      }
    }
    return this.#position > before;
  }
}
