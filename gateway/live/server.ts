/** The gateway's WebSockets: clients in their dialects, workers at the audio plane; and the registry of hubs behind them. */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { AUDIO_PLANE_PATH, CHANNEL_PLANE_PATH, PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { AudioDial } from '../../workflows/audio-plane.ts';
import { NAME_PATTERN } from '../../workflows/contract.ts';
import type { LiveInput, SessionRef } from '../../workflows/contract.ts';
import { dialectsOf } from '../dialects/all.ts';
import type { Dialect, Meeting, Refusal } from '../dialects/dialect.ts';
import { asFailure, Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { refuseForeign } from '../origin.ts';
import { targetOf } from '../protocol.ts';
import type { LiveRequest } from '../protocol.ts';
import type { Requests } from '../requests.ts';
import { retryAfter } from '../rest/problem.ts';
import { newResultsMessage, refuseCallback, webhookFor } from '../webhooks/target.ts';
import { Admission } from './admission.ts';
import { ClientLink } from './client-link.ts';
import type { SessionClient } from './session-client.ts';
import { Hub, hubIdOf } from './hub.ts';
import { QueueNotices } from './queue-notices.ts';
import { WorkerWatch } from './worker-link.ts';

/** The largest control message of a worker: a batch of finals. */
const MAX_WORKER_MESSAGE_BYTES = 4 << 20;

const number = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
const dialSchema = z.object({
  workflowId: z.string().min(1).max(512),
  tenant: z.string().regex(NAME_PATTERN),
  session: z.string().regex(NAME_PATTERN),
  workerId: z.string().min(1).max(128),
  epoch: number,
  fromByte: number,
  toByte: number.nullable().default(null),
  nextIndex: number,
  drain: z.stringbool().default(false),
  channel: number.default(0),
});

export class LiveServer {
  readonly #gateway: Gateway;
  readonly #requests: Requests;
  readonly #dialects: ReadonlyMap<string, Dialect>;
  readonly #clients: WebSocketServer;
  readonly #workers: WebSocketServer;
  readonly #meetings = new WeakMap<IncomingMessage, Meeting>();
  readonly #hubs = new Map<string, Hub>();
  readonly #links = new Set<ClientLink>();
  readonly #watch = new WorkerWatch();
  readonly #notices: QueueNotices;
  readonly #admission: Admission;
  #draining = false;

  constructor(gateway: Gateway, requests: Requests) {
    this.#gateway = gateway;
    this.#requests = requests;
    this.#notices = new QueueNotices(gateway.sessions, gateway.pools, gateway.log);
    this.#admission = new Admission(gateway);
    this.#dialects = new Map(dialectsOf(gateway).map((dialect) => [dialect.path, dialect]));
    const options = { noServer: true, perMessageDeflate: false, clientTracking: false } as const;
    this.#clients = new WebSocketServer({
      ...options,
      maxPayload: gateway.settings.maxFrameBytes,
      // Chosen by the dialect, not by the client's order: what it offers may hold its key.
      handleProtocols: (_offered, request) => this.#meetings.get(request)?.protocol ?? false,
    });
    this.#clients.on('headers', (headers, request) => {
      const own = Object.entries(this.#meetings.get(request)?.headers ?? {});
      headers.push(...own.map(([name, value]) => `${name}: ${value}`));
    });
    this.#workers = new WebSocketServer({ ...options, maxPayload: MAX_WORKER_MESSAGE_BYTES });
  }

  /** Live sessions with a client or a worker here. */
  get size(): number {
    return this.#hubs.size;
  }

  /** Takes an HTTP upgrade; false when the address is not one of ours. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const { path, query } = targetOf(request.url);
    const dialect = this.#dialects.get(path);
    if (dialect !== undefined) {
      this.upgradeTo(dialect, request, socket, head);
      return true;
    }
    if (path === AUDIO_PLANE_PATH || path === CHANNEL_PLANE_PATH) {
      this.#workers.handleUpgrade(request, socket, head, (worker) => {
        void this.#worker(worker, query, request.headers.authorization);
      });
      return true;
    }
    return false;
  }

  /** Takes an HTTP upgrade of a client who speaks this dialect. */
  upgradeTo(dialect: Dialect, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { headers } = request;
    const refusal = refuseForeign(headers, this.#gateway.settings.origins);
    if (refusal !== null) {
      refuseUpgrade(socket, refusal);
      return;
    }
    try {
      this.#requests.count();
      this.#meetings.set(request, dialect.meet({ ...targetOf(request.url), headers, protocols: offered(headers) }));
    } catch (error) {
      refuseUpgrade(socket, asFailure(error), dialect);
      return;
    }
    this.#clients.handleUpgrade(request, socket, head, (client) => {
      const meeting = this.#meetings.get(request);
      if (meeting !== undefined) this.#client(client, meeting);
    });
  }

  /** Takes no new client; stores what came; tells clients and workers to come again. */
  async drain(): Promise<void> {
    this.#draining = true;
    await Promise.all([...this.#hubs.values()].map((hub) => hub.drain()));
    // Those that have no session yet.
    for (const link of this.#links) link.fail(new Failure('shutting_down', 'this gateway ends: connect again'));
    this.#watch.close();
  }

  #client(socket: WebSocket, meeting: Meeting): void {
    socket.on('error', (error) => this.#gateway.log.info({ err: error }, 'client connection failed'));
    const link = new ClientLink(randomUUID(), socket, this.#gateway.settings, meeting, (request, client) => {
      this.attach(client, request).catch((error: unknown) => {
        if (!(error instanceof Failure)) this.#gateway.log.error({ err: error }, 'attaching a client failed');
        client.fail(asFailure(error));
      });
    });
    this.#links.add(link);
    socket.once('close', () => this.#links.delete(link));
    link.begin();
  }

  /** Gives a client the session it asks for. @throws Failure why it is not given */
  async attach(client: SessionClient, request: LiveRequest): Promise<void> {
    if (this.#draining) throw new Failure('shutting_down', 'this gateway ends: connect again');
    const input = await this.#inputOf(request);
    await this.#admission.admit(input, request.mayWait);
    await this.#hub(hubIdOf(input.ref), input.ref).attachClient(client, input, request);
  }

  async #inputOf(request: LiveRequest): Promise<LiveInput> {
    const { session, model, language, priority, labels, audio } = request;
    const { tenant, weightOf, bounds } = this.#gateway.settings;
    const ref = { tenant, id: session ?? randomUUID() };
    const labelled = labels === undefined ? {} : { labels };
    const spec = { ref, model, language, priority, ...labelled, weight: weightOf(tenant), bounds };
    return { kind: 'live', ...spec, audio, ...(await this.#receiversOf(ref, request)) };
  }

  /** They count when a session is new: what is wrong with them later keeps no client out. */
  async #receiversOf(
    ref: SessionRef,
    { webhook, results }: LiveRequest,
  ): Promise<Pick<LiveInput, 'webhook' | 'results'>> {
    try {
      if (results !== undefined) await refuseCallback(this.#gateway, results.url);
      const told = await webhookFor(this.#gateway, webhook);
      return results === undefined
        ? told
        : { ...told, results: { messageId: newResultsMessage(ref), target: results } };
    } catch (error) {
      if (error instanceof Failure && (await this.#gateway.sessions.exists(ref))) return {};
      throw error;
    }
  }

  async #worker(socket: WebSocket, query: URLSearchParams, authorization: string | undefined): Promise<void> {
    socket.on('error', (error) => this.#gateway.log.info({ err: error }, 'worker connection failed'));
    const dial = dialSchema.safeParse(Object.fromEntries(query));
    if (!dial.success || !this.#isOurs(authorization)) {
      const why = dial.success ? 'wrong key' : 'the dial makes no sense';
      this.#gateway.log.warn({ workerId: dial.data?.workerId, why }, 'a worker is refused');
      socket.close(PLANE_CLOSE.refused, why);
      return;
    }
    if (this.#draining) {
      socket.close(PLANE_CLOSE.goingAway, 'gateway ends');
      return;
    }
    const { workflowId, tenant, session } = dial.data;
    try {
      await this.#hub(workflowId, { tenant, id: session }).attachWorker(socket, dial.data satisfies AudioDial);
    } catch (error) {
      this.#gateway.log.error({ err: error, workflowId }, 'attaching a worker failed');
      socket.close(PLANE_CLOSE.goingAway, 'try again');
    }
  }

  #isOurs(authorization: string | undefined): boolean {
    const key = this.#gateway.settings.internalKey;
    if (key === null) return true;
    const expected = Buffer.from(`Bearer ${key}`);
    const given = Buffer.from(authorization ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  }

  #hub(workflowId: string, ref: SessionRef): Hub {
    const existing = this.#hubs.get(workflowId);
    if (existing !== undefined) return existing;
    const hub = new Hub(workflowId, ref, {
      gateway: this.#gateway,
      watch: this.#watch,
      notices: this.#notices,
      admission: this.#admission,
      unused: (gone) => {
        if (this.#hubs.get(gone.workflowId) === gone) this.#hubs.delete(gone.workflowId);
      },
    });
    this.#hubs.set(workflowId, hub);
    return hub;
  }
}

/** RFC 6455, 11.3.4: a list with commas. */
const offered = (headers: IncomingHttpHeaders): string[] =>
  (headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '');

/** Before the upgrade there is no WebSocket to close: the answer is HTTP. */
function refuseUpgrade(socket: Duplex, failure: Failure, dialect?: Dialect): void {
  const { message, type, row } = failure;
  const refusal: Refusal = dialect?.refusal?.(failure) ?? {
    contentType: 'application/problem+json',
    body: JSON.stringify({ status: row.httpStatus, code: type, detail: message }),
  };
  const { contentType, body, headers = {} } = refusal;
  const head = [`HTTP/1.1 ${row.httpStatus} Refused`, `Content-Type: ${contentType}`, 'Connection: close'];
  const all = { ...retryAfter(row.httpStatus), ...headers };
  head.push(...Object.entries(all).map(([name, value]) => `${name}: ${value}`));
  socket.end([...head, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n'));
}
