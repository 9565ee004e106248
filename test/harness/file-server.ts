/** A server of files on loopback, which fails as a test wants. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from './until.ts';

/** @param times how often this path has been asked before */
type Answer = (response: ServerResponse, times: number) => void;

export class FileServer {
  /** Paths in the order in which they were asked. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #answers = new Map<string, Answer>();

  constructor() {
    this.#server = createServer((request, response) => this.#take(request, response));
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address of a path at which this is answered. */
  at(path: string, answer: Answer | Uint8Array): string {
    this.#answers.set(path, typeof answer === 'function' ? answer : (response) => void response.end(answer));
    return `http://127.0.0.1:${this.port}${path}`;
  }

  timesOf(path: string): number {
    return this.asked.filter((one) => one === path).length;
  }

  async untilAsked(path: string, times = 1): Promise<void> {
    await until(
      `${path} is asked ${times} times`,
      () => this.timesOf(path),
      (seen) => seen >= times,
    );
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? '';
    const times = this.timesOf(path);
    this.asked.push(path);
    const answer = this.#answers.get(path);
    if (answer === undefined) response.writeHead(404).end();
    else answer(response, times);
  }
}
