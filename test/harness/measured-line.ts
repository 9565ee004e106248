/** A line to a port of loopback that lets so many bytes through, counted exactly, and holds what follows. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export class MeasuredLine {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  #allowed = Number.POSITIVE_INFINITY;
  #waiting: (() => void)[] = [];
  /** Bytes that have gone to the port, over all connections. */
  passed = 0;

  private constructor(toPort: number) {
    this.#server = createServer((client) => void this.#relay(client, connect(toPort, '127.0.0.1')));
  }

  static async to(port: number): Promise<MeasuredLine> {
    const line = new MeasuredLine(port);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lets so many more bytes through, from now on. */
  allow(bytes: number): void {
    this.#allowed = this.passed + bytes;
    this.#wake();
  }

  /** Whether all that was allowed has gone, and what follows is held. */
  get isSpent(): boolean {
    return this.passed === this.#allowed;
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
    this.#server.close();
  }

  /** When one end goes, the other does: nobody waits for a process that was killed. */
  async #relay(client: Socket, port: Socket): Promise<void> {
    for (const [socket, other] of [
      [client, port],
      [port, client],
    ] as const) {
      this.#open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#open.delete(socket);
        other.destroy();
        this.#wake();
      });
    }
    port.pipe(client);
    try {
      for await (const chunk of client as AsyncIterable<Buffer>) await this.#pass(chunk, port);
      port.end();
    } catch {
      port.destroy();
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #pass(chunk: Buffer, port: Socket): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + Math.max(0, this.#allowed - this.passed));
      if (port.destroyed) return;
      if (piece.length === 0) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
        continue;
      }
      at += piece.length;
      this.passed += piece.length;
      await new Promise<void>((resolve) => port.write(piece, () => resolve()));
    }
  }
}
