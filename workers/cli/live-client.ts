/**
 * A client of the native live protocol (docs/protocol.md): sends a session's audio, keeps what is not acknowledged,
 * and when the connection breaks connects again with the same session and goes on, so that no audio is lost and no
 * final comes twice.
 */
import { randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../gateway/protocol.ts';
import { Unacknowledged } from './unacknowledged.ts';

type Message<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;
export type SessionMessage = Message<'session'>;
export type FinalMessage = Message<'final'>;
export type PartialMessage = Message<'partial'>;
export type DoneMessage = Message<'done'>;

export interface LiveEvents {
  session: [SessionMessage];
  queued: [Message<'queued'>];
  started: [Message<'started'>];
  partial: [PartialMessage];
  /** In order of `index`, without gaps, each once. */
  final: [FinalMessage];
  ack: [Message<'ack'>];
  done: [DoneMessage];
  /** The connection broke, with a close code: another attempt follows after `inMs`. */
  reconnecting: [{ readonly why: string; readonly code: number; readonly inMs: number }];
  /** The session cannot go on from here; nothing follows. */
  error: [LiveError];
}

/** `code` is one of docs/protocol.md, or `unreachable`, `closed`, `gave_up`, `audio_lost` or `protocol` of this client. */
export class LiveError extends Error {
  override name = 'LiveError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface LiveClientOptions {
  /** Base address, e.g. `ws://127.0.0.1:8080`. */
  readonly url: string;
  /** Parameters of docs/protocol.md: model, language, encoding, sample_rate, channels, priority. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Name of the session; a new UUID otherwise. */
  readonly session?: string;
  /** Finals that are had already. */
  readonly index?: number;
  /** Sent as `Authorization: Bearer`. */
  readonly key?: string;
  /** Unacknowledged audio that {@link LiveClient.room} lets stand. */
  readonly maxPendingBytes?: number;
  /** First pause before another attempt; grows up to `maxPauseMs`. */
  readonly pauseMs?: number;
  readonly maxPauseMs?: number;
  /** Without a connection for so long, the client gives up. */
  readonly giveUpAfterMs?: number;
  /** A server that says nothing for so long, not even a ping, is gone; the server pings every 15 s. */
  readonly silenceMs?: number;
}

const DEFAULTS = {
  parameters: {} as Readonly<Record<string, string>>,
  index: 0,
  maxPendingBytes: 4 << 20,
  pauseMs: 100,
  maxPauseMs: 5000,
  giveUpAfterMs: 300_000,
  silenceMs: 45_000,
};

/** A server that says "not now" is given time; one that is not there may be back any moment. */
const GROWTH = { refused: 2, unreachable: 1.15 };

/** Close codes after which docs/protocol.md says to try again. */
const RETRY_CODES: readonly number[] = [1001, 1006, 1011, 1012, 1013];
const RETRY_STATUS: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

export class LiveClient extends EventEmitter<LiveEvents> {
  readonly session: string;
  readonly #options: LiveClientOptions & typeof DEFAULTS;
  readonly #audio = new Unacknowledged();
  readonly #result = Promise.withResolvers<DoneMessage>();
  #socket: WebSocket | null = null;
  /** The server has said from where it wants audio; only then is any sent. */
  #attached = false;
  #everAttached = false;
  /** Names this client over its connections. */
  readonly #client = randomUUID();
  #attempt = 0;
  #nextIndex: number;
  #ended = false;
  #finalizing = false;
  #over = false;
  #pauseMs: number;
  #lastAttachedMs = performance.now();
  #refusal: LiveError | null = null;
  #isRefusalFinal = false;
  #silence: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;
  #waiting: { resolve: () => void; reject: (fault: unknown) => void }[] = [];

  constructor(options: LiveClientOptions) {
    super();
    this.#options = { ...DEFAULTS, ...options };
    this.session = options.session ?? randomUUID();
    this.#nextIndex = this.#options.index;
    this.#pauseMs = this.#options.pauseMs;
    this.#result.promise.catch(() => undefined);
  }

  /** Bytes given to {@link send} that are not known to be stored. */
  get pendingBytes(): number {
    return this.#audio.bytes;
  }

  /** Bytes from the session's start that are known to be stored. */
  get durableBytes(): number {
    return this.#audio.from;
  }

  /** Finals received, counted from the session's start. */
  get nextIndex(): number {
    return this.#nextIndex;
  }

  /** Resolves with `done`; rejects with the {@link LiveError} that ended the session here. */
  get result(): Promise<DoneMessage> {
    return this.#result.promise;
  }

  /** Connects; events follow. A server that cannot be reached at the first attempt is an error at once. */
  connect(): this {
    this.#open();
    return this;
  }

  /** Gives the next bytes of audio; they are kept until they are acknowledged. Where the session is ahead they are dropped. */
  send(audio: Uint8Array): void {
    if (this.#ended) throw new LiveError('protocol', 'audio after end');
    const news = this.#audio.add(audio);
    if (this.#attached) for (const piece of news) this.#socket?.send(piece);
  }

  /** Resolves once less than `maxPendingBytes` are unacknowledged; rejects when the session is over. */
  async room(): Promise<void> {
    if (this.#over) await this.#result.promise;
    if (this.#audio.bytes < this.#options.maxPendingBytes) return;
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  finalize(): void {
    if (this.#attached) this.#say('finalize');
    else this.#finalizing = true;
  }

  /** No more audio comes; `done` follows. */
  end(): void {
    this.#ended = true;
    if (this.#attached) this.#say('end');
  }

  /** Leaves; the session stays open at the server for its resume window. */
  close(): void {
    this.#finish(new LiveError('closed', 'closed by this client'), false);
    this.#socket?.close(1000);
  }

  #say(type: 'finalize' | 'end'): void {
    this.#socket?.send(JSON.stringify({ type }));
  }

  #address(): URL {
    const url = new URL('/v1/live', this.#options.url);
    for (const [name, value] of Object.entries(this.#options.parameters)) url.searchParams.set(name, value);
    url.searchParams.set('session', this.session);
    url.searchParams.set('index', String(this.#nextIndex));
    url.searchParams.set('client', this.#client);
    url.searchParams.set('attempt', String((this.#attempt += 1)));
    return url;
  }

  #open(): void {
    const { key, silenceMs } = this.#options;
    const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
    const socket = new WebSocket(this.#address(), { headers, perMessageDeflate: false, handshakeTimeout: 10_000 });
    let fault: Error | null = null;
    this.#socket = socket;
    this.#refusal = null;
    this.#silence = setTimeout(() => socket.terminate(), silenceMs);
    socket.on('error', (error) => (fault = error));
    socket.on('ping', () => this.#silence?.refresh());
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.on('unexpected-response', (_request, response) => this.#refused(response, socket));
    socket.on('close', (code, reason) => this.#closed(code, reason.toString(), fault));
  }

  #receive(data: Buffer): void {
    this.#silence?.refresh();
    if (this.#over) return;
    let message: ServerMessage;
    try {
      message = JSON.parse(data.toString('utf8')) as ServerMessage;
    } catch {
      this.#finish(new LiveError('protocol', 'the server sent something that is not JSON'));
      return;
    }
    this.#take(message);
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case 'session':
        this.#attach(message);
        return;
      case 'queued':
        this.emit('queued', message);
        return;
      case 'started':
        this.emit('started', message);
        return;
      case 'partial':
        this.emit('partial', message);
        return;
      case 'final':
        this.#final(message);
        return;
      case 'ack':
        this.#release(message.durableBytes);
        this.emit('ack', message);
        return;
      case 'done':
        this.#done(message);
        return;
      case 'error':
        this.#refuse(new LiveError(message.code, message.message), message.retryable);
        return;
      default:
        // A later version of the protocol may say more; this client does without.
        message satisfies never;
    }
  }

  #attach(message: SessionMessage): void {
    if (!this.#audio.reaches(message.durableBytes)) {
      const what = `the server wants audio from byte ${message.durableBytes} on, which it had acknowledged`;
      this.#finish(new LiveError('audio_lost', what));
      return;
    }
    this.#release(message.durableBytes);
    [this.#everAttached, this.#pauseMs] = [true, this.#options.pauseMs];
    this.emit('session', message);
    // Only now: what a listener has just given is among the pieces, and must not go out twice.
    this.#attached = true;
    for (const piece of this.#audio.pieces) this.#socket?.send(piece);
    if (this.#finalizing) this.#say('finalize');
    this.#finalizing = false;
    if (this.#ended) this.#say('end');
  }

  #release(durableBytes: number): void {
    this.#audio.release(durableBytes);
    if (this.#audio.bytes >= this.#options.maxPendingBytes) return;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  #final(message: FinalMessage): void {
    if (message.index < this.#nextIndex) return;
    if (message.index > this.#nextIndex) {
      this.#finish(new LiveError('protocol', `final ${message.index} came instead of ${this.#nextIndex}`));
      return;
    }
    this.#nextIndex += 1;
    this.emit('final', message);
  }

  #done(message: DoneMessage): void {
    this.#finish(null);
    this.#result.resolve(message);
    this.emit('done', message);
    this.#socket?.close(1000);
  }

  #refuse(refusal: LiveError, isRetryable: boolean): void {
    this.#refusal = refusal;
    this.#isRefusalFinal = !isRetryable;
  }

  /** The server answered the upgrade with a plain HTTP answer: its problem+json says why. */
  #refused(response: IncomingMessage, socket: WebSocket): void {
    const status = response.statusCode ?? 0;
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => (body = (body + text).slice(0, 16_384)));
    response.on('error', () => undefined);
    response.on('close', () => {
      const detail = /"detail"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(body)?.[1];
      const why = detail === undefined ? `HTTP ${status}` : (JSON.parse(detail) as string);
      this.#refuse(new LiveError('refused', why), RETRY_STATUS.includes(status));
      socket.terminate();
    });
  }

  #closed(code: number, reason: string, fault: Error | null): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    if (this.#attached) this.#lastAttachedMs = performance.now();
    this.#attached = false;
    if (this.#over) return;
    const why = this.#refusal?.message ?? fault?.message ?? `close code ${code}${reason === '' ? '' : ` (${reason})`}`;
    const isFinal = this.#refusal === null ? !RETRY_CODES.includes(code) : this.#isRefusalFinal;
    if (isFinal) this.#finish(this.#refusal ?? new LiveError('closed', `the server closed the connection: ${why}`));
    else if (!this.#everAttached && this.#refusal === null) {
      this.#finish(new LiveError('unreachable', `${new URL(this.#options.url).host} cannot be reached: ${why}`));
    } else this.#reconnect(why, code);
  }

  #reconnect(why: string, code: number): void {
    const { maxPauseMs, giveUpAfterMs } = this.#options;
    if (performance.now() - this.#lastAttachedMs > giveUpAfterMs) {
      this.#finish(new LiveError('gave_up', `no connection for ${giveUpAfterMs / 1000} s: ${why}`));
      return;
    }
    // Spread, so that the clients of a gateway that ended do not all come back at once.
    const inMs = Math.round(this.#pauseMs * (0.5 + Math.random() / 2));
    const growth = this.#refusal === null ? GROWTH.unreachable : GROWTH.refused;
    this.#pauseMs = Math.min(maxPauseMs, this.#pauseMs * growth);
    this.emit('reconnecting', { why, code, inMs });
    this.#retry = setTimeout(() => this.#open(), inMs);
  }

  /** Nothing more happens after this; an error is told, unless this side asked for the end. */
  #finish(error: LiveError | null, tell = true): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    const fault = error ?? new LiveError('closed', 'the session is over');
    for (const { reject } of this.#waiting.splice(0)) reject(fault);
    if (error === null) return;
    this.#result.reject(error);
    if (tell) {
      this.#socket?.close(1000);
      if (this.listenerCount('error') > 0) this.emit('error', error);
    }
  }
}
