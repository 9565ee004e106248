/** A network between clients and a gateway, which can be cut. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const ASK_EVERY_MS = 5;

/** Resolves as soon as something listens on a port of this machine. */
export async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await pause(ASK_EVERY_MS);
  }
}

export class Network {
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((inbound) => this.#accept(inbound));
  readonly #port: () => number;
  #up = true;

  /** @param port asked for at each connection: where the gateway listens. */
  constructor(port: () => number) {
    this.#port = port;
  }

  /** Answers its ws:// address. */
  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every connection breaks, and none comes about until {@link restore}. */
  drop(): void {
    this.#up = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  restore(): void {
    this.#up = true;
  }

  close(): void {
    this.drop();
    this.#server.close();
  }

  #accept(inbound: Socket): void {
    if (!this.#up) {
      inbound.destroy();
      return;
    }
    const outbound = connect(this.#port(), '127.0.0.1');
    for (const socket of [inbound, outbound]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        inbound.destroy();
        outbound.destroy();
      });
    }
    inbound.pipe(outbound).pipe(inbound);
  }
}
