/** The worker's end of the audio plane: dials a gateway, takes audio in, gives results back. */
import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import { AUDIO_PLANE_PATH, CHANNEL_PLANE_PATH, PLANE_CLOSE } from '../workflows/audio-plane.ts';
import type { AudioDial, FromWorker, ToWorker } from '../workflows/audio-plane.ts';

export interface GatewayLinkEvents {
  open(): void;
  audio(bytes: Buffer): void;
  message(message: ToWorker): void;
  /** The connection is gone, or never came to be (1006). */
  closed(code: number): void;
}

export interface GatewayLinkSettings {
  /** The key that gateways expect of workers, if any. */
  readonly internalKey: string | null;
  /** A gateway that says nothing for so long, not even a pong, is gone. */
  readonly gatewaySilenceMs: number;
}

const HANDSHAKE_MS = 3000;
/** Looks within {@link GatewayLinkSettings.gatewaySilenceMs}; each without a word since the last one asks for a pong. */
const LOOKS = 3;
/** As a WebSocket reports a connection that broke (RFC 6455, 7.4.1). */
const ABNORMAL_CLOSURE = 1006;
const MAX_FRAME_BYTES = 4 << 20;

export class GatewayLink {
  readonly #socket: WebSocket;
  readonly #events: GatewayLinkEvents;
  readonly #watch: NodeJS.Timeout;
  #silenced = false;
  /** Looks in a row that found nothing new. Counted, not timed: a stall of this process's own is no fault of the gateway's. */
  #quiet = 0;

  /** @param url base address of the gateway. */
  constructor(url: string, dial: AudioDial, settings: GatewayLinkSettings, events: GatewayLinkEvents) {
    const { internalKey: key, gatewaySilenceMs } = settings;
    this.#events = events;
    this.#socket = new WebSocket(`${url.replace(/\/$/, '')}${pathOf(dial)}?${queryOf(dial)}`, {
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
    this.#socket.on('pong', () => (this.#quiet = 0));
    this.#socket.on('message', (data, isBinary) => {
      this.#quiet = 0;
      if (!this.#silenced) receive(data, isBinary, events);
    });
    this.#socket.on('close', (code) => {
      clearInterval(this.#watch);
      if (!this.#silenced) events.closed(code);
    });
    this.#watch = setInterval(() => this.#checkAlive(), gatewaySilenceMs / LOOKS);
  }

  /** Says something, if anyone is there to hear it; answers whether. */
  send(message: FromWorker): boolean {
    const isOpen = this.#socket.readyState === WebSocket.OPEN;
    if (isOpen) this.#socket.send(JSON.stringify(message));
    return isOpen;
  }

  /** A host that vanished closes nothing: it is found by what does not come. */
  #checkAlive(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    if (this.#quiet >= LOOKS) {
      this.close(PLANE_CLOSE.redial, 'nothing is heard of the gateway');
      this.#events.closed(ABNORMAL_CLOSURE);
      return;
    }
    // The first look after a word asks nothing: while audio flows no pings are sent.
    if (this.#quiet > 0) this.#socket.ping();
    this.#quiet += 1;
  }

  /** Closes for good: no event follows. */
  close(code: number, reason: string): void {
    this.#silenced = true;
    clearInterval(this.#watch);
    this.#socket.close(code, reason);
    setTimeout(() => this.#socket.terminate(), HANDSHAKE_MS).unref();
  }
}

function receive(data: RawData, isBinary: boolean, events: GatewayLinkEvents): void {
  if (!(data instanceof Buffer)) return;
  if (isBinary) events.audio(data);
  else events.message(JSON.parse(data.toString('utf8')) as ToWorker);
}

const pathOf = ({ channel = 0 }: AudioDial): string => (channel === 0 ? AUDIO_PLANE_PATH : CHANNEL_PLANE_PATH);

function queryOf(dial: AudioDial): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(dial)) if (value !== null) query.set(name, String(value));
  return query.toString();
}
