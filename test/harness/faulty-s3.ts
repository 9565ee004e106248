import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

interface Forwarding {
  /** Has the server do it, and gives its answer. */
  (): Promise<{ head: IncomingMessage; body: Buffer }>;
  /** The server gets half of the body, and the connection to it breaks. */
  half(): Promise<void>;
}

type Fault = (answer: ServerResponse, forward: Forwarding) => Promise<void>;

/** Faults for {@link FaultyS3.disturb}. */
export const FAULTS = {
  refused: (status: number, code: string): Fault => {
    return (answer) => {
      answer.writeHead(status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
      return Promise.resolve();
    };
  },
  /** The answer comes this much later. */
  slow: (ms: number): Fault => {
    return async (answer, forward) => {
      const { head, body } = await forward();
      await pause(ms);
      answer.writeHead(head.statusCode ?? 500, head.headers).end(body);
    };
  },
  /** The connection breaks in the middle of the request's body. */
  cut: (async (answer, forward) => {
    await forward.half();
    answer.destroy();
  }) satisfies Fault,
  /** The server does what it is asked, and the connection breaks before its answer. */
  answerLost: (async (answer, forward) => {
    await forward();
    answer.destroy();
  }) satisfies Fault,
  /** One bit of the first byte of the body is another. */
  spoilt: (async (answer, forward) => {
    const { head, body } = await forward();
    body[0] = (body[0] ?? 0) ^ 1;
    answer.writeHead(head.statusCode ?? 500, head.headers).end(body);
  }) satisfies Fault,
};

/** What happens to requests from now on. */
export interface Disturbance {
  readonly fault: Fault;
  /** All where left out. */
  readonly method?: string;
  /** Tested against `/<bucket>/<key>`; all where left out. */
  readonly key?: RegExp;
  /** Only each so manieth such request. */
  readonly every?: number;
  /** Only so many requests. */
  readonly times?: number;
}

/** A line before an S3 server that loses requests or answers, spoils bytes, or answers by itself. */
export class FaultyS3 {
  readonly #target: URL;
  readonly #server: Server;
  readonly #faults: { method: string; fault: Fault }[] = [];
  readonly #seen: string[] = [];
  #standing: (Disturbance & { matching: number; done: number })[] = [];

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

  /** From now on, until {@link calm}; of several that fit a request the first is done. Answers how often it was so far. */
  disturb(disturbance: Disturbance): () => number {
    const standing = { ...disturbance, matching: 0, done: 0 };
    this.#standing.push(standing);
    return () => standing.done;
  }

  /** Nothing is disturbed any more. */
  calm(): void {
    this.#standing = [];
  }

  loseNextAnswer(method: string): void {
    this.#next(method, FAULTS.answerLost);
  }

  /** The server never sees the request; `meanwhile` happens, then the connection breaks. */
  loseNextRequest(method: string, meanwhile: () => Promise<unknown>): void {
    this.#next(method, async (answer) => {
      await meanwhile();
      answer.destroy();
    });
  }

  answerNext(method: string, status: number, code: string): void {
    this.#next(method, FAULTS.refused(status, code));
  }

  spoilAnswers(method: string, times: number): void {
    for (let i = 0; i < times; i += 1) this.#next(method, FAULTS.spoilt);
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
    try {
      const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>));
      const forward = Object.assign(() => this.#forward(incoming, body), { half: () => this.#half(incoming, body) });
      const fault = this.#faultOf(method, new URL(incoming.url ?? '/', this.#target).pathname);
      if (fault !== null) {
        await fault(answer, forward);
        return;
      }
      const { head, body: answered } = await forward();
      answer.writeHead(head.statusCode ?? 500, head.headers).end(answered);
    } catch {
      // Client or server has gone in the middle: so has the other one then.
      answer.destroy();
    }
  }

  #faultOf(method: string, path: string): Fault | null {
    const at = this.#faults.findIndex((fault) => fault.method === method);
    if (at >= 0) return this.#faults.splice(at, 1)[0]?.fault ?? null;
    for (const standing of this.#standing) {
      const { method: only = method, key, every = 1, times = Infinity, fault } = standing;
      if (only !== method || key?.test(path) === false || standing.done >= times) continue;
      standing.matching += 1;
      if (standing.matching % every !== 0) continue;
      standing.done += 1;
      return fault;
    }
    return null;
  }

  async #half(incoming: IncomingMessage, body: Buffer): Promise<void> {
    const { method, url, headers } = incoming;
    const onward = request({ host: this.#target.hostname, port: this.#target.port, method, path: url, headers });
    onward.on('error', () => undefined);
    const half = body.subarray(0, Math.floor(body.length / 2));
    await new Promise((written) => onward.write(half, written));
    onward.destroy();
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
