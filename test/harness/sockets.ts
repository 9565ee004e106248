/** Real WebSockets on loopback, and what came over them. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { ClientOptions } from 'ws';

/** What a socket received: text frames as JSON, binary frames as Buffers, in order. */
export class Inbox {
  readonly messages: unknown[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;

  constructor(socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      this.messages.push(isBinary ? data : parsed((data as Buffer).toString('utf8')));
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString('utf8') });
        this.#wake();
      });
    });
    socket.on('error', () => undefined);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves as soon as what came satisfies the condition; looked at after every message. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  ofType<T extends object>(type: string): T[] {
    return this.messages.filter(
      (message): message is T =>
        typeof message === 'object' && message !== null && 'type' in message && message.type === type,
    );
  }

  /** The n-th message of a type, from 0; waits for it. */
  async next<T extends object = Record<string, unknown>>(type: string, n = 0): Promise<T> {
    await this.until(() => this.ofType(type).length > n);
    return this.ofType<T>(type)[n] as T;
  }

  get audio(): Buffer {
    return Buffer.concat(this.messages.filter((message): message is Buffer => message instanceof Buffer));
  }

  /** All audio, once there are so many bytes of it. */
  async audioOf(bytes: number): Promise<Buffer> {
    await this.until(() => this.audio.length >= bytes);
    return this.audio;
  }
}

export interface Opened {
  readonly socket: WebSocket;
  readonly inbox: Inbox;
}

/** Connects; what comes is kept from the first message on. */
export async function connect(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<Opened> {
  const socket = new WebSocket(url, protocols, options);
  const inbox = new Inbox(socket);
  await once(socket, 'open');
  return { socket, inbox };
}

export interface Pair {
  /** The far side. */
  readonly client: Opened;
  /** Our side, as a server gets it. */
  readonly server: WebSocket;
  end(): Promise<void>;
}

/** Two ends of one connection. */
export async function socketPair(options: ClientOptions = {}): Promise<Pair> {
  const listener = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  await once(listener, 'listening');
  const accepted = once(listener, 'connection') as Promise<[WebSocket]>;
  const client = await connect(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`, options);
  const [server] = await accepted;
  server.on('error', () => undefined);
  const end = async (): Promise<void> => {
    client.socket.terminate();
    server.terminate();
    await new Promise((resolve) => listener.close(resolve));
  };
  return { client, server, end };
}

/** Text that is no JSON stays text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
