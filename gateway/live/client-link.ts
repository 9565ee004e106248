/** One client's connection: a dialect on a WebSocket, its bounds, and whether the client is alive. */
import type { RawData, WebSocket } from 'ws';
import type { Conversation, Line, Meeting, SessionLine, SessionTalk } from '../dialects/dialect.ts';
import { asFailure, Failure } from '../failures.ts';
import type { ClientMessage, LiveRequest, ServerMessage } from '../protocol.ts';
import type { ClientLinkEvents, SessionClient } from './session-client.ts';
import { Rate } from '../rate.ts';
import { give, SessionPart } from './session-part.ts';

export interface ClientLinkSettings {
  readonly clientBufferBytes: number;
  readonly keepaliveMs: number;
  readonly tinyMessagesPerS: number;
}

/** Close reasons hold at most 123 bytes (RFC 6455, 5.5). */
const MAX_REASON_BYTES = 123;
const CLOSE_LIMIT_MS = 10_000;
const NORMAL_CLOSE = 1000;
/** What can wait is sent in pieces of this size, so that also a slow reader is seen to read. */
const PIECE_BYTES = 65_536;

/**
 * Of so many bytes on it is the audio in messages that is bounded, by holding the client back: 1 ms of the audio log. Below, it
 * is the work that each costs.
 */
const TINY_BYTES = 32;

/** Why nothing is read: the session is not open yet, or has no room, or the conversation has none; of several sessions, which one. */
type Hold = 'opening' | 'session' | 'conversation' | SessionPart;

export class ClientLink implements Line, SessionClient {
  readonly id: string;
  readonly #socket: WebSocket;
  readonly #settings: ClientLinkSettings;
  readonly #pinger: NodeJS.Timeout;
  readonly #conversation: Conversation;
  readonly #asks: (request: LiveRequest, client: SessionClient) => void;
  readonly #tiny: Rate;
  readonly #holds = new Set<Hold>();
  /** What the conversation was told of those that are not its own. */
  #pressed = true;
  /** Of a connection of several sessions, those that have not ended. */
  readonly #parts = new Set<SessionPart>();
  #events: ClientLinkEvents | null = null;
  /** What was heard after the session was asked for, and before it is open. */
  #early: (Buffer | ClientMessage)[] = [];
  #asked = false;
  /** The conversation knows that it is over. */
  #told = false;
  #heardAtMs = performance.now();
  #closing = false;
  /** Something waits for the client to read; since when nothing was read. */
  #room: { sinceMs: number; readonly promise: Promise<unknown>; readonly resolve: (none: undefined) => void } | null =
    null;

  /**
   * The socket is taken over paused: nothing is read before {@link begin}.
   * @param asks this client wants a session; it is to be given to it by {@link SessionClient.serve}
   */
  constructor(
    id: string,
    socket: WebSocket,
    settings: ClientLinkSettings,
    meeting: Meeting,
    asks: (request: LiveRequest, client: SessionClient) => void,
  ) {
    this.id = id;
    this.#socket = socket;
    this.#settings = settings;
    this.#asks = asks;
    this.#tiny = new Rate(settings.tinyMessagesPerS);
    this.#hold('opening', true);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('ping', (data) => this.#count(data));
    socket.on('pong', () => (this.#heardAtMs = performance.now()));
    socket.on('close', () => this.#closed());
    this.#pinger = setInterval(() => this.#checkAlive(), settings.keepaliveMs);
    this.#conversation = meeting.converse(this);
  }

  /** The conversation begins. */
  begin(): void {
    this.#try(() => this.#conversation.begin());
    if (!this.#asked) this.#hold('opening', false);
  }

  get isOpen(): boolean {
    return !this.#closing && this.#socket.readyState === this.#socket.OPEN;
  }

  // ---- what the conversation asks for

  open(request: LiveRequest): void {
    if (this.#asked) throw new Error('a connection has one session');
    this.#asked = true;
    this.#hold('opening', true);
    this.#asks(request, this);
  }

  join(request: LiveRequest, talk: SessionTalk): SessionLine {
    this.#asked = true;
    this.#hold('opening', false);
    const part = new SessionPart(this.id, talk, {
      hold: (isFull) => this.#hold(part, isFull),
      say: (step) => this.#say(step),
      sayPartial: (step) => this.#sayPartial(step),
      room: () => this.room(),
      fail: (error) => this.fail(error),
      ended: (code, reason) => this.#ended(part, code, reason),
    });
    this.#parts.add(part);
    this.#hold(part, true);
    this.#asks(request, part);
    return part;
  }

  /** The connection is closed with the last of its sessions, or with one that ends otherwise than it should. */
  #ended(part: SessionPart, code: number, reason: string): void {
    this.#parts.delete(part);
    if (this.#parts.size === 0 || code !== NORMAL_CLOSE) this.close(code, reason);
  }

  get isHeld(): boolean {
    return this.#holds.size > 0;
  }

  audio(bytes: Buffer): void {
    if (this.#events === null) this.#early.push(bytes);
    else this.#events.audio(bytes);
  }

  message(message: ClientMessage): void {
    if (this.#events === null) this.#early.push(message);
    else this.#events.message(message);
  }

  hold(isFull: boolean): void {
    this.#hold('conversation', isFull);
  }

  send(text: string | Buffer): void {
    if (this.isOpen) this.#socket.send(text, { binary: false }, () => this.#written());
  }

  // ---- what the session asks for

  serve(events: ClientLinkEvents): void {
    this.#events = events;
    this.#heardAtMs = performance.now();
    this.#hold('opening', false);
    // Also of a client that has gone meanwhile: what it sent belongs to the session.
    give(this.#early.splice(0), events);
    if (!this.isOpen) this.#sayGone();
  }

  pause(): void {
    this.#hold('session', true);
  }

  resume(): void {
    this.#hold('session', false);
  }

  get isPaused(): boolean {
    return this.#holds.has('session');
  }

  #hold(why: Hold, isFull: boolean): void {
    if (isFull) this.#holds.add(why);
    else this.#holds.delete(why);
    if (this.#closing) return;
    if (this.#holds.size > 0) this.#socket.pause();
    else this.#socket.resume();
    const pressed = [...this.#holds].some((held) => held !== 'conversation');
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    this.#conversation.press?.(pressed);
  }

  say(message: ServerMessage): void {
    this.#say(() => this.#conversation.say(message));
  }

  #say(step: () => void): void {
    if (!this.isOpen) return;
    const { clientBufferBytes } = this.#settings;
    if (this.#socket.bufferedAmount > clientBufferBytes) {
      this.fail(new Failure('slow_reader', `more than ${clientBufferBytes} bytes are waiting to be read`));
      return;
    }
    this.#try(step);
  }

  room(): Promise<unknown> | null {
    if (!this.isOpen || this.#hasRoom) return null;
    this.#room ??= { sinceMs: performance.now(), ...Promise.withResolvers<undefined>() };
    return this.#room.promise;
  }

  get #hasRoom(): boolean {
    return this.#socket.bufferedAmount <= Math.min(PIECE_BYTES, this.#settings.clientBufferBytes / 2);
  }

  #written(): void {
    if (this.#room === null) return;
    this.#room.sinceMs = performance.now();
    if (this.#hasRoom) this.#giveRoom();
  }

  #giveRoom(): void {
    this.#room?.resolve(undefined);
    this.#room = null;
  }

  sayPartial(json: Buffer): void {
    this.#sayPartial(() => this.#conversation.sayPartial(json));
  }

  #sayPartial(step: () => void): void {
    if (this.isOpen && this.#socket.bufferedAmount < this.#settings.clientBufferBytes / 4) this.#try(step);
  }

  heard(throughMs: number, settledMs: number | null): void {
    if (this.isOpen) this.#try(() => this.#conversation.heard?.(throughMs, settledMs));
  }

  fail(error: unknown): void {
    const { code, reason } = this.#conversation.fail(asFailure(error));
    this.close(code, reason);
  }

  #try(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  close(code: number, reason: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#sayGone();
    // A paused socket would never see the client's closing handshake.
    this.#socket.resume();
    this.#socket.close(code, fitting(reason));
    // Whoever answers no close is not waited for.
    setTimeout(() => this.#socket.terminate(), CLOSE_LIMIT_MS).unref();
  }

  #receive(data: RawData, isBinary: boolean): void {
    this.#heardAtMs = performance.now();
    if (!(data instanceof Buffer)) return;
    this.#count(data);
    if (this.#closing) return;
    this.#try(() => this.#conversation.hear(data, isBinary));
  }

  /** A flood of messages with next to nothing in them is ended. */
  #count(data: Buffer): void {
    if (this.#closing || data.length >= TINY_BYTES || this.#tiny.take()) return;
    const { tinyMessagesPerS } = this.#settings;
    this.fail(
      new Failure(
        'rate_limit',
        `more than ${tinyMessagesPerS} messages a second of less than ${TINY_BYTES} bytes came: put more audio into each`,
      ),
    );
  }

  #checkAlive(): void {
    const limitMs = 2 * this.#settings.keepaliveMs;
    const unreadMs = performance.now() - (this.#room?.sinceMs ?? Infinity);
    if (unreadMs > limitMs) {
      this.fail(new Failure('slow_reader', `nothing was read for ${Math.round(unreadMs)} ms`));
      return;
    }
    const silentMs = performance.now() - this.#heardAtMs;
    // A socket that we hold back ourselves cannot be heard.
    if (this.#socket.isPaused) this.#heardAtMs = performance.now();
    else if (silentMs > limitMs) {
      this.fail(new Failure('idle_timeout', `nothing came for ${Math.round(silentMs)} ms, not even a pong`));
      return;
    }
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }

  #closed(): void {
    clearInterval(this.#pinger);
    this.#closing = true;
    this.#sayGone();
  }

  #sayGone(): void {
    this.#giveRoom();
    if (!this.#told) this.#conversation.gone?.();
    this.#told = true;
    this.#events?.gone();
    this.#events = null;
    for (const part of this.#parts) part.gone();
    this.#parts.clear();
  }
}

/** A close reason as far as a frame holds it: bytes, not characters, are what is counted. */
function fitting(reason: string): string {
  let fits = reason.slice(0, MAX_REASON_BYTES);
  while (Buffer.byteLength(fits) > MAX_REASON_BYTES) fits = fits.slice(0, -1);
  return fits;
}
