/**
 * A session of the native live protocol (docs/protocol.md) as the page holds it: sends audio, keeps what is not
 * acknowledged, connects again by itself with the same id, and says what is going on. Nothing of the DOM: sockets, time
 * and chance are given.
 */
import { PendingAudio } from './pending-audio.js';

/** @typedef {import('../protocol.ts').ServerMessage} ServerMessage */
/** @typedef {Extract<ServerMessage, { type: 'final' }>} Final */
/**
 * How the session ended for this page.
 * @typedef {{ readonly kind: 'done', readonly state: 'completed' | 'cancelled', readonly audioMs: number }
 *   | { readonly kind: 'superseded' }
 *   | { readonly kind: 'left' }
 *   | { readonly kind: 'failed', readonly code: string, readonly message: string }} Outcome
 */
/**
 * What is going on. Times in milliseconds of audio; `pauseMs` before the next attempt, 0 while one is made.
 * @typedef {{
 *   readonly id: string,
 *   readonly link: 'connecting' | 'connected' | 'broken',
 *   readonly why: string,
 *   readonly pauseMs: number,
 *   readonly queue: { readonly position: number | null, readonly estimatedWaitMs: number | null } | null,
 *   readonly isServed: boolean,
 *   readonly isEnding: boolean,
 *   readonly outcome: Outcome | null,
 *   readonly storedMs: number,
 *   readonly unsavedMs: number,
 * }} Snapshot
 */
/**
 * The part of a browser's WebSocket that is used.
 * @typedef {{
 *   binaryType: string,
 *   readonly readyState: number,
 *   onopen: unknown, onmessage: unknown, onclose: unknown, onerror: unknown,
 *   send(data: Uint8Array<ArrayBuffer> | string): void,
 *   close(code?: number): void,
 * }} Socket
 */
/**
 * @typedef {{
 *   readonly url: string,
 *   readonly id: string,
 *   readonly index: number,
 *   readonly connect: (url: string) => Socket,
 *   readonly changed: (snapshot: Snapshot) => void,
 *   readonly final: (final: Final) => void,
 *   readonly partial: (text: string) => void,
 *   readonly random?: () => number,
 *   readonly maxPendingBytes?: number,
 *   readonly firstPauseMs?: number,
 *   readonly maxPauseMs?: number,
 *   readonly silenceMs?: number,
 * }} Options
 */

/** 16 kHz mono s16le. */
export const BYTES_PER_MS = 32;

const DEFAULTS = {
  random: Math.random,
  /** Ten minutes: longer than a session waits for its client. */
  maxPendingBytes: 600_000 * BYTES_PER_MS,
  firstPauseMs: 300,
  maxPauseMs: 5000,
  /** The server acknowledges audio every half second; one that says nothing for so long is not there. */
  silenceMs: 10_000,
};

/** Close codes after which docs/protocol.md says to try again. */
const RETRY_CODES = [1001, 1006, 1011, 1012, 1013];
const SUPERSEDED = 4409;
/** WebSocket.OPEN */
const OPEN = 1;

export class LiveSession {
  #options;
  #pending;
  /** @type {Socket | null} */
  #socket = null;
  /** @type {Snapshot['link']} */
  #link = 'connecting';
  /** @type {Snapshot['queue']} */
  #queue = null;
  /** @type {Outcome | null} */
  #outcome = null;
  /** @type {{ code: string, message: string, isRetryable: boolean } | null} */
  #refusal = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silence;
  #nextIndex;
  #isServed = false;
  #isEnding = false;
  #everAttached = false;
  #attempts = 0;
  /** Names this client over its connections, which it counts: one that the network held up sends no later one away. */
  #client = `page-${Math.random().toString(36).slice(2)}`;
  #connections = 0;
  #pauseMs = 0;
  #why = '';

  /** @param {Options} options `url` is the page's own origin as ws: or wss:, `index` the number of finals it has */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
    this.#pending = new PendingAudio(this.#options.maxPendingBytes);
    this.#nextIndex = options.index;
  }

  start() {
    this.#open();
    return this;
  }

  /** @returns {Snapshot} */
  get snapshot() {
    return {
      id: this.#options.id,
      link: this.#link,
      why: this.#why,
      pauseMs: this.#pauseMs,
      queue: this.#queue,
      isServed: this.#isServed,
      isEnding: this.#isEnding,
      outcome: this.#outcome,
      storedMs: this.#pending.from / BYTES_PER_MS,
      unsavedMs: this.#pending.bytes / BYTES_PER_MS,
    };
  }

  /** What is not known to be stored, in order. */
  get unsaved() {
    return this.#pending.pieces;
  }

  /**
   * Gives the next samples, 16 kHz mono s16le. They are kept until they are acknowledged.
   * @param {Uint8Array} audio
   * @returns {boolean} false when there is no room: no more is taken until some is acknowledged
   */
  send(audio) {
    if (this.#outcome !== null || this.#isEnding) return true;
    const news = this.#pending.add(audio);
    if (this.#link === 'connected') for (const piece of news ?? []) this.#transmit(piece);
    this.#tell();
    return news !== null;
  }

  /** No more audio comes: the last words follow, then the session is done. */
  end() {
    if (this.#isEnding || this.#outcome !== null) return;
    this.#isEnding = true;
    if (this.#link === 'connected') this.#say('end');
    this.#tell();
  }

  /** Leaves; the session stays open at the server for a while. */
  leave() {
    this.#finish({ kind: 'left' });
  }

  /** The network is said to be back: no need to wait for the next attempt. */
  retryNow() {
    if (this.#link !== 'broken' || this.#outcome !== null) return;
    clearTimeout(this.#retry);
    this.#open();
  }

  #open() {
    const { url, id, connect } = this.#options;
    this.#connections += 1;
    const numbered = { client: this.#client, attempt: String(this.#connections) };
    const query = new URLSearchParams({ session: id, index: String(this.#nextIndex), ...numbered });
    const socket = connect(`${url}/v1/live?${query}`);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#refusal = null;
    this.#pauseMs = 0;
    socket.onmessage = (/** @type {{ data: unknown }} */ { data }) => this.#receive(data);
    socket.onclose = (/** @type {{ code: number }} */ { code }) => this.#closed(code);
    socket.onerror = () => undefined;
    this.#listen();
  }

  /** A network that is gone without a word closes no socket: a silence says it. */
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const isOwed = this.#link !== 'connected' || this.#pending.bytes > 0 || this.#isEnding;
      if (isOwed) this.#lost('the server does not answer');
      else this.#listen();
    }, this.#options.silenceMs);
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#listen();
    if (typeof data !== 'string' || this.#outcome !== null) return;
    try {
      this.#take(/** @type {ServerMessage} */ (JSON.parse(data)));
    } catch {
      this.#fail('protocol', 'the server sent something that is not of the protocol');
    }
    this.#tell();
  }

  /** @param {ServerMessage} message */
  #take(message) {
    switch (message.type) {
      case 'session':
        return this.#attached(message.durableBytes);
      case 'queued':
        this.#isServed = false;
        this.#queue = { position: message.position, estimatedWaitMs: message.estimatedWaitMs };
        return;
      case 'started':
        this.#isServed = true;
        this.#queue = null;
        return;
      case 'partial':
        return this.#options.partial(message.text);
      case 'final':
        return this.#final(message);
      case 'ack':
        return this.#pending.release(message.durableBytes);
      case 'done':
        return this.#finish({ kind: 'done', state: message.state, audioMs: message.audioMs });
      case 'error':
        this.#refusal = { code: message.code, message: message.message, isRetryable: message.retryable };
        return;
      default:
      // A later version of the protocol may say more; this page does without.
    }
  }

  /** @param {number} durableBytes from where the server wants audio */
  #attached(durableBytes) {
    if (!this.#everAttached) this.#pending.moveTo(durableBytes);
    else if (durableBytes < this.#pending.from) return this.#fail('audio_lost', 'audio that was stored is gone');
    else this.#pending.release(durableBytes);
    this.#everAttached = true;
    this.#link = 'connected';
    this.#attempts = 0;
    for (const piece of this.#pending.pieces) this.#transmit(piece);
    if (this.#isEnding) this.#say('end');
  }

  /** @param {Final} final */
  #final(final) {
    if (final.index < this.#nextIndex) return;
    if (final.index > this.#nextIndex) return this.#fail('protocol', 'a piece of the transcript was skipped');
    this.#nextIndex += 1;
    this.#options.partial('');
    this.#options.final(final);
  }

  /** @param {number} code */
  #closed(code) {
    if (this.#outcome !== null) return;
    const refusal = this.#refusal;
    if (code === SUPERSEDED) this.#finish({ kind: 'superseded' });
    else if (refusal === null && !RETRY_CODES.includes(code)) this.#fail('closed', `closed with code ${code}`);
    else if (refusal !== null && !refusal.isRetryable) this.#fail(refusal.code, refusal.message);
    else this.#lost(refusal?.message ?? 'the connection broke');
  }

  /** @param {string} why */
  #lost(why) {
    const { random, firstPauseMs, maxPauseMs } = this.#options;
    this.#drop(1000);
    this.#link = 'broken';
    this.#isServed = false;
    this.#queue = null;
    this.#why = why;
    // Spread, so that the pages of a gateway that ended do not all come back at once.
    this.#pauseMs = Math.round(Math.min(maxPauseMs, firstPauseMs * 2 ** this.#attempts) * (0.5 + random() / 2));
    this.#attempts += 1;
    this.#retry = setTimeout(() => this.#open(), this.#pauseMs);
    this.#options.partial('');
    this.#tell();
  }

  /** Lets go of the socket; nothing it says counts any more. @param {number} code */
  #drop(code) {
    clearTimeout(this.#retry);
    clearTimeout(this.#silence);
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close(code);
  }

  /** @param {string} code @param {string} message */
  #fail(code, message) {
    this.#finish({ kind: 'failed', code, message });
  }

  /** @param {Outcome} outcome */
  #finish(outcome) {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#drop(1000);
    this.#options.partial('');
    this.#tell();
  }

  /** @param {'end'} type */
  #say(type) {
    this.#transmit(JSON.stringify({ type }));
  }

  /** A socket that is closing takes nothing any more; the next one gets it. @param {Uint8Array<ArrayBuffer> | string} data */
  #transmit(data) {
    if (this.#socket?.readyState === OPEN) this.#socket.send(data);
  }

  #tell() {
    this.#options.changed(this.snapshot);
  }
}
