import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';

type Fault = (answer: ServerResponse, forward: () => Promise<{ head: IncomingMessage; body: Buffer }>) => Promise<void>;

/** A line before an S3 server that loses requests or answers, spoils bytes, or answers by itself. */
export class FaultyS3 {
  readonly #target: URL;
  readonly #server: Server;
  readonly #faults: { method: string; fault: Fault }[] = [];
  readonly #seen: string[] = [];

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer((incoming, answer) => void this.#handle(incoming, answer));
  }

  static async before(target: string): Promise<FaultyS3> {
    const line = new FaultyS3(target);
    line.#server.listen(0, '127.0.0.1');
    await once(line.#server, 'listening');
    return line;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  /** How many requests of the method came. */
  requests(method: string): number {
    return this.#seen.filter((seen) => seen === method).length;
  }

  /** The server does what it is asked, and the connection breaks before its answer. */
  loseNextAnswer(method: string): void {
    this.#next(method, async (answer, forward) => {
      await forward();
      answer.destroy();
    });
  }

  /** The server never sees the request; `meanwhile` happens, then the connection breaks. */
  loseNextRequest(method: string, meanwhile: () => Promise<unknown>): void {
    this.#next(method, async (answer) => {
      await meanwhile();
      answer.destroy();
    });
  }

  answerNext(method: string, status: number, code: string): void {
    this.#next(method, (answer) => {
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
      return Promise.resolve();
    });
  }

  /** The first byte of the body of the next answers is another. */
  spoilAnswers(method: string, times: number): void {
    for (let i = 0; i < times; i += 1) {
      this.#next(method, async (answer, forward) => {
        const { head, body } = await forward();
        body[0] = (body[0] ?? 0) ^ 1;
        answer.writeHead(head.statusCode ?? 500, head.headers).end(body);
      });
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #next(method: string, fault: Fault): void {
    this.#faults.push({ method, fault });
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const method = incoming.method ?? '';
    this.#seen.push(method);
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
    const forward = () => this.#forward(incoming, body);
    const at = this.#faults.findIndex((fault) => fault.method === method);
    const [chosen] = at < 0 ? [] : this.#faults.splice(at, 1);
    if (chosen !== undefined) return chosen.fault(answer, forward);
    const { head, body: answered } = await forward();
    answer.writeHead(head.statusCode ?? 500, head.headers).end(answered);
  }

  /** Host stays as the client signed it. */
  async #forward(incoming: IncomingMessage, body: Buffer): Promise<{ head: IncomingMessage; body: Buffer }> {
    const { method, url, headers } = incoming;
    const onward = request({ host: this.#target.hostname, port: this.#target.port, method, path: url, headers });
    onward.end(body);
    const [head] = (await once(onward, 'response')) as [IncomingMessage];
    return { head, body: Buffer.concat(await Array.fromAsync(head as AsyncIterable<Buffer>)) };
  }
}
