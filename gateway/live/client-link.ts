/** One client's connection: the native protocol on a WebSocket. */
import type { RawData, WebSocket } from 'ws';
import { asFailure, Failure } from '../failures.ts';
import { errorMessage, parseClientMessage } from '../protocol.ts';
import type { ClientMessage, ServerMessage } from '../protocol.ts';

export interface ClientLinkEvents {
  audio(bytes: Buffer): void;
  message(message: ClientMessage): void;
  /** The client is gone, by whomever; may be said more than once. */
  gone(): void;
}

export interface ClientLinkSettings {
  readonly clientBufferBytes: number;
  readonly keepaliveMs: number;
}

/** Close reasons hold at most 123 bytes (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123;
const CLOSE_LIMIT_MS = 10_000;

export class ClientLink {
  readonly id: string;
  readonly #socket: WebSocket;
  readonly #settings: ClientLinkSettings;
  readonly #pinger: NodeJS.Timeout;
  #events: ClientLinkEvents | null = null;
  #heardAtMs = performance.now();
  #closing = false;

  /** The socket is taken over paused: nothing is read before {@link open}. */
  constructor(id: string, socket: WebSocket, settings: ClientLinkSettings) {
    this.id = id;
    this.#socket = socket;
    this.#settings = settings;
    socket.pause();
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => (this.#heardAtMs = performance.now()));
    socket.on('close', () => this.#closed());
    this.#pinger = setInterval(() => this.#checkAlive(), settings.keepaliveMs);
  }

  get isOpen(): boolean {
    return !this.#closing && this.#socket.readyState === this.#socket.OPEN;
  }

  open(events: ClientLinkEvents): void {
    this.#events = events;
    this.#heardAtMs = performance.now();
    this.#socket.resume();
    if (!this.isOpen) events.gone();
  }

  /** Back-pressure: the client's bytes wait in its own socket. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  get isPaused(): boolean {
    return this.#socket.isPaused;
  }

  /** Sends a message. A client that does not read loses partials first; then it is closed: a final is never skipped. */
  send(message: ServerMessage): void {
    if (!this.isOpen) return;
    const { clientBufferBytes } = this.#settings;
    if (this.#socket.bufferedAmount > clientBufferBytes) {
      this.fail(new Failure('slow_reader', `more than ${clientBufferBytes} bytes are waiting to be read`));
      return;
    }
    this.#socket.send(JSON.stringify(message));
  }

  /** Sends a partial as the worker wrote it, or drops it where the client reads too slowly. */
  sendPartial(json: Buffer): void {
    if (this.isOpen && this.#socket.bufferedAmount < this.#settings.clientBufferBytes / 4) {
      this.#socket.send(json, { binary: false });
    }
  }

  /** Says what was wrong and closes with its code. */
  fail(error: unknown): void {
    const failure = asFailure(error);
    if (this.isOpen) this.#socket.send(JSON.stringify(errorMessage(failure)));
    this.close(failure.row.closeCode, failure.type);
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    // A paused socket would never see the client's closing handshake.
    this.#socket.resume();
    this.#socket.close(code, reason.slice(0, MAX_REASON_BYTES));
    // Whoever answers no close is not waited for.
    setTimeout(() => this.#socket.terminate(), CLOSE_LIMIT_MS).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heardAtMs = performance.now();
    if (this.#closing || !(data instanceof Buffer)) return;
    if (isBinary) {
      this.#events?.audio(data);
      return;
    }
    try {
      this.#events?.message(parseClientMessage(data));
    } catch (error) {
      this.fail(error);
    }
  }

  #checkAlive(): void {
    const silentMs = performance.now() - this.#heardAtMs;
    // A socket that we hold back ourselves cannot be heard.
    if (this.#socket.isPaused) this.#heardAtMs = performance.now();
    else if (silentMs > 2 * this.#settings.keepaliveMs) {
      this.fail(new Failure('idle_timeout', `nothing came for ${Math.round(silentMs)} ms, not even a pong`));
      // Nor will it answer the close: the session need not wait for that.
      this.#events?.gone();
      return;
    }
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #closed(): void {
    clearInterval(this.#pinger);
    this.#closing = true;
    this.#events?.gone();
  }
}
