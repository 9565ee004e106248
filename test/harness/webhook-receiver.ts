/** A receiver of webhooks on loopback: keeps what came, and answers as a test wants. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { WebhookEvent } from '../../workflows/webhook/contract.ts';
import { until } from './until.ts';

export interface Received {
  readonly path: string;
  readonly atMs: number;
  readonly id: string;
  readonly timestamp: string;
  readonly signature: string;
  readonly contentType: string;
  readonly text: string;
  readonly event: WebhookEvent;
}

/** @param times how often this path has been asked before */
type Behaviour = (response: ServerResponse, times: number) => void;

export class WebhookReceiver {
  readonly received: Received[] = [];
  readonly #server: Server;
  readonly #behaviours = new Map<string, Behaviour>();

  constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The address of a path; `behave` answers there, 204 otherwise. */
  at(path: string, behave?: Behaviour): string {
    if (behave !== undefined) this.#behaviours.set(path, behave);
    return `http://127.0.0.1:${this.port}${path}`;
  }

  of(path: string): Received[] {
    return this.received.filter((one) => one.path === path);
  }

  /** Waits until a path was asked so often. */
  untilAsked(path: string, times = 1, withinMs = 30_000): Promise<Received[]> {
    return until(
      `${path} is asked ${times} times`,
      () => this.of(path),
      (seen) => seen.length >= times,
      withinMs,
    );
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>)).toString();
    const path = request.url ?? '';
    const header = (name: string): string => String(request.headers[name] ?? '');
    const times = this.of(path).length;
    this.received.push({
      path,
      atMs: performance.now(),
      id: header('webhook-id'),
      timestamp: header('webhook-timestamp'),
      signature: header('webhook-signature'),
      contentType: header('content-type'),
      text,
      event: JSON.parse(text === '' ? 'null' : text) as WebhookEvent,
    });
    const behave = this.#behaviours.get(path) ?? ((to: ServerResponse) => void to.writeHead(204).end());
    behave(response, times);
  }
}

/** Checks a message as a receiver does that has this secret: by the library, and by hand. @throws when it is not signed so */
export function verify({ id, timestamp, signature, text }: Received, secret: string): void {
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  new Webhook(secret).verify(text, headers);
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  const expected = createHmac('sha256', key).update(`${id}.${timestamp}.${text}`).digest('base64');
  if (!signature.split(' ').includes(`v1,${expected}`)) throw new Error(`no signature of ${secret.slice(0, 10)}…`);
}
