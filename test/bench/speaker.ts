/** A caller on a bare WebSocket: speaks in real time and notes when it sent what and when it was told what. */
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../gateway/protocol.ts';
import { partialByte } from '../../workers/engines/scripted.ts';

export const CHUNK_MS = 100;
export const CHUNK_BYTES = 3200;
const BYTES_PER_MS = CHUNK_BYTES / CHUNK_MS;

type Message<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>;

export interface SpeakerOptions {
  /** Address with its query. */
  readonly url: string;
  /** Spoken over and over. */
  readonly audio: Buffer;
  /** Byte of `audio` to begin at. */
  readonly fromByte?: number;
  /** Every message after it was parsed. */
  readonly heard?: (message: ServerMessage, atMs: number) => void;
}

export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #socket: WebSocket;
  readonly #ready = Promise.withResolvers<undefined>();
  readonly #over = Promise.withResolvers<undefined>();
  #sentAtMs: number[] = [];
  #timer: NodeJS.Timeout | null = null;
  #ended = false;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.#ready.promise.catch(() => undefined);
    this.#over.promise.catch(() => undefined);
    this.#socket = new WebSocket(options.url, { perMessageDeflate: false });
    this.#socket.on('message', (data: Buffer) => this.#hear(JSON.parse(data.toString('utf8')) as ServerMessage));
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', (code) => this.#fail(new Error(`closed with ${code}`)));
  }

  /** The server takes audio. */
  get ready(): Promise<undefined> {
    return this.#ready.promise;
  }

  /** The session is over as it should be; rejects with what ended it otherwise. */
  get over(): Promise<undefined> {
    return this.#over.promise;
  }

  /** When the chunk that holds the byte before `byte` was handed to the socket. */
  sentAtMs(byte: number): number {
    return this.#sentAtMs[Math.ceil(byte / CHUNK_BYTES) - 1] ?? NaN;
  }

  get sentBytes(): number {
    return this.#sentAtMs.length * CHUNK_BYTES;
  }

  /** Speaks from now on, a chunk each 100 ms by the clock, however late a single one is. */
  speak(): void {
    const begunMs = performance.now() - this.#sentAtMs.length * CHUNK_MS;
    const next = (): void => {
      if (this.#ended) return;
      this.sendChunk();
      this.#timer = setTimeout(next, Math.max(0, begunMs + this.#sentAtMs.length * CHUNK_MS - performance.now()));
    };
    next();
  }

  sendChunk(): void {
    const { audio, fromByte = 0 } = this.#options;
    const at = (fromByte + this.sentBytes) % audio.length;
    this.#sentAtMs.push(performance.now());
    this.#socket.send(audio.subarray(at, at + CHUNK_BYTES));
  }

  /** Says nothing more, until {@link speak}. */
  pause(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** No more audio; resolves when the session is over. */
  async end(): Promise<void> {
    this.#ended = true;
    this.pause();
    this.#socket.send('{"type":"end"}');
    await this.over;
  }

  #hear(message: ServerMessage): void {
    const atMs = performance.now();
    if (message.type === 'session') this.#ready.resolve(undefined);
    if (message.type === 'done') this.#over.resolve(undefined);
    if (message.type === 'error') this.#fail(new Error(`${message.code}: ${message.message}`));
    this.#options.heard?.(message, atMs);
  }

  #fail(error: Error): void {
    this.#ended = true;
    this.pause();
    this.#ready.reject(error);
    this.#over.reject(error);
  }
}

/** Bytes of the session's audio up to a millisecond. */
export const byteAt = (ms: number): number => Math.round(ms * BYTES_PER_MS);

/** Up to which byte a partial of the scripted engine, or of the relay's stand-in, has heard. */
export const heardByte = ({ text }: Message<'partial'>): number => partialByte(text);
