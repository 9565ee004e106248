/** A small service that keeps to the REST API, and the command line run against it as a process of its own. */
import { idOfKey } from '../../../gateway/rest/idempotency.ts';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

const CLI = fileURLToPath(new URL('../../../workers/cli/longhand.mjs', import.meta.url));

export interface Upload {
  readonly query: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body: Buffer;
}

export interface Answer {
  readonly status?: number;
  /** JSON, or a text as it is. */
  readonly body: unknown;
}

export const problem = (status: number, code: string, detail: string, retryable = false): Answer => ({
  status,
  body: { type: 'x', title: 'x', status, detail, code, retryable },
});

export const session = (id: string, facts: object = {}) => ({
  id,
  kind: 'file',
  state: 'completed',
  model: 'en',
  language: 'en',
  priority: 'normal',
  attached: false,
  lease: null,
  epoch: 0,
  segments: 1,
  transcribedMs: 11_000,
  audioMs: 11_000,
  progress: 1,
  spans: { done: 1, total: 1 },
  error: null,
  ...facts,
});

export class StandIn {
  readonly uploads: Upload[] = [];
  /** `GET /v1/sessions` and so on, without the query. */
  readonly requests: string[] = [];
  /** Answers of its own; null: as usual. */
  answer: (request: string, query: URLSearchParams, body: Buffer) => Answer | null = () => null;
  live: (socket: WebSocket, query: URLSearchParams) => void = (socket) => socket.close(1011);
  /** What the transcript of an upload says. */
  words: (upload: Upload) => string = ({ body }) => `words of ${body.length} bytes\n`;
  readonly #http: Server = createServer((request, response) => void this.#handle(request, response));

  async start(): Promise<this> {
    new WebSocketServer({ server: this.#http }).on('connection', (socket, request) => {
      this.live(socket, new URL(request.url ?? '', 'http://here').searchParams);
    });
    this.#http.listen(0, '127.0.0.1');
    await once(this.#http, 'listening');
    return this;
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    await new Promise((closed) => this.#http.close(closed));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const name = `${request.method ?? ''} ${url.pathname}`;
    this.requests.push(name);
    const own = this.answer(name, url.searchParams, body);
    const key = request.headers['idempotency-key'];
    if (key !== undefined) url.searchParams.set('session', idOfKey('session', String(key)));
    const upload = { query: Object.fromEntries(url.searchParams), authorization: request.headers.authorization, body };
    if (name === 'POST /v1/sessions' && own === null) this.uploads.push(upload);
    const { status = 200, body: text } = own ?? this.#usual(name, url);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof text === 'string' ? text : JSON.stringify(text));
  }

  #usual(name: string, url: URL): Answer {
    if (name === 'GET /livez') return { body: 'ok' };
    if (name === 'POST /v1/sessions') return { status: 202, body: session(url.searchParams.get('session') ?? '') };
    const [, id = '', isTranscript] = /^GET \/v1\/sessions\/([^/]+)(\/transcript)?$/.exec(name) ?? [];
    const upload = this.uploads.find(({ query }) => query['session'] === id);
    if (upload === undefined) return problem(404, 'not_found', 'no such session');
    return { body: isTranscript === undefined ? session(id) : this.words(upload) };
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** Resolves once the text has been printed, on either stream. */
  printed(text: string): Promise<void>;
}

/** Starts `npx longhand` with these arguments. */
export function start(url: string, args: readonly string[], settings: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], LONGHAND_URL: url, ...settings },
    stdio: 'pipe',
  });
  let [out, err] = ['', ''];
  let wake = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    wake();
  });
  const outcome = once(child, 'close').then(([code]) => ({ code: code as number | null, out, err }));
  const printed = async (text: string): Promise<void> => {
    while (!(out + err).includes(text)) {
      await new Promise<void>((woken, failed) => {
        wake = woken;
        void outcome.then(() => failed(new Error(`it ended without ${text}: ${out}${err}`)));
      });
    }
  };
  return { child, outcome, printed };
}

export const run = (url: string, args: readonly string[], settings: Record<string, string> = {}): Promise<Outcome> =>
  start(url, args, settings).outcome;
