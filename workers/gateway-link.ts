/** The worker's end of the audio plane: dials a gateway, takes audio in, gives results back. */
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { AUDIO_PLANE_PATH } from '../workflows/audio-plane.ts';
import type { AudioDial, FromWorker, ToWorker } from '../workflows/audio-plane.ts';

export interface GatewayLinkEvents {
  open(): void;
  audio(bytes: Buffer): void;
  message(message: ToWorker): void;
  /** The connection is gone, or never came to be (1006). */
  closed(code: number): void;
}

const HANDSHAKE_MS = 3000;
const MAX_FRAME_BYTES = 4 << 20;

export class GatewayLink {
  readonly #socket: WebSocket;
  #silenced = false;

  /** @param url base address of the gateway. @param key the key that gateways expect of workers, if any. */
  constructor(url: string, dial: AudioDial, key: string | null, events: GatewayLinkEvents) {
    this.#socket = new WebSocket(`${url.replace(/\/$/, '')}${AUDIO_PLANE_PATH}?${queryOf(dial)}`, {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MAX_FRAME_BYTES,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
    });
    // A failure to connect is told by the close that follows.
    this.#socket.on('error', () => undefined);
    this.#socket.on('open', () => {
      if (!this.#silenced) events.open();
    });
    this.#socket.on('message', (data, isBinary) => {
      if (!this.#silenced) receive(data, isBinary, events);
    });
    this.#socket.on('close', (code) => {
      if (!this.#silenced) events.closed(code);
    });
  }

  /** Says something, if anyone is there to hear it; answers whether. */
  send(message: FromWorker): boolean {
    const isOpen = this.#socket.readyState === WebSocket.OPEN;
    if (isOpen) this.#socket.send(JSON.stringify(message));
    return isOpen;
  }

  /** Closes for good: no event follows. */
  close(code: number, reason: string): void {
    this.#silenced = true;
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), HANDSHAKE_MS).unref();
  }
}

function receive(data: RawData, isBinary: boolean, events: GatewayLinkEvents): void {
  if (!(data instanceof Buffer)) return;
  if (isBinary) events.audio(data);
  else events.message(JSON.parse(data.toString('utf8')) as ToWorker);
}

function queryOf(dial: AudioDial): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(dial)) if (value !== null) query.set(name, String(value));
  return query.toString();
}
