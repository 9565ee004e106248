/** A gateway on a free port of loopback, over stand-ins for the workflows and the storage. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { WebSocket } from 'ws';
import { buildGateway } from '../../gateway/app.ts';
import type { GatewayServer } from '../../gateway/app.ts';
import type { Gateway, GatewaySettings, Log } from '../../gateway/ports.ts';
import { AudioLog } from '../../infra/audio-log.ts';
import { findFfmpeg } from '../../infra/ffmpeg/command.ts';
import { LiveDecoders } from '../../infra/ffmpeg/live.ts';
import { OutboundGuard } from '../../infra/outbound/guard.ts';
import { AUDIO_PLANE_PATH } from '../../workflows/audio-plane.ts';
import { objectKeys, sessionWorkflowId } from '../../workflows/contract.ts';
import type { Segment } from '../../workflows/contract.ts';
import { watchAnswers } from './documented.ts';
import { FakePools } from './fake-pools.ts';
import { FakeWebhooks } from './fake-webhooks.ts';
import { FakeBatches } from './fake-batches.ts';
import { FakeFiles } from './fake-files.ts';
import { FakeSessions } from './fake-sessions.ts';
import { MemoryObjects } from './memory-objects.ts';
import { connect } from './sockets.ts';
import type { Opened } from './sockets.ts';

/** The ffmpeg on PATH, as the gateway's own process finds it. */
const decoderOptions = {
  find: () => findFfmpeg('auto', process.env['PATH'] ?? ''),
  maxDecoders: 4,
  stallMs: 20_000,
  maxMs: 3_600_000,
};

const settings: GatewaySettings = {
  tenant: 't',
  weightOf: () => 1,
  catalogue: { defaultModel: 'en', models: { en: { languages: ['en'] } } },
  bounds: {
    resumeWindowMs: 300_000,
    maxSessionMs: 3_600_000,
    leaseTtlMs: 5000,
    heartbeatTimeoutMs: 60_000,
    rotateAfterEvents: 1000,
    checkpointEverySegments: 50,
    maxParallelSpans: 8,
  },
  internalKey: null,
  ackIntervalMs: 10,
  maxFrameBytes: 1 << 20,
  sessionBufferBytes: 4 << 20,
  recentAudioBytes: 320_000,
  clientBufferBytes: 1 << 20,
  sendAheadMs: 30_000,
  maxQueue: 1000,
  maxTenantSessions: 1000,
  tenantRequestsPerS: 1000,
  tinyMessagesPerS: 1000,
  origins: { allowedHosts: [], allowedOrigins: ['https://desk.example'] },
  uploadStallMs: 60_000,
  uploadTtlMs: 3_600_000,
  maxBatchItems: 5,
  batchSideBySide: 4,
  maxUploadBytes: 100_000,
  prepareWaitMs: 1000,
  answerWaitMs: 60_000,
  keepaliveMs: 15_000,
  clientGraceMs: 10_000,
  quietGraceMs: 60_000,
  workerSilenceMs: 60_000,
  workerStallMs: 60_000,
  kaldi: { status9: false, silenceMs: 60_000 },
  maxEventStreams: 100,
  eventsHeartbeatMs: 15_000,
  webhooks: { defaultUrl: null, isSigned: true, retryMs: [5000], keepMs: 60_000 },
};

/** The real guard; names end in the address that they lead to, with dashes: `host-10-0-0-1.example`. */
const OUTBOUND = new OutboundGuard([], (host) => {
  const [, address] = /^host-([\d-]+)\.example$/.exec(host) ?? [];
  if (address !== undefined) return Promise.resolve([address.replaceAll('-', '.')]);
  return Promise.reject(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }));
});

interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly facts: object;
  readonly message: string;
}

/** What is shared by all gateways of an installation. */
export class Backstage {
  readonly objects = new MemoryObjects();
  readonly pools = new FakePools();
  readonly sessions = new FakeSessions(this.objects);
  readonly files = new FakeFiles(this.sessions);
  readonly webhooks = new FakeWebhooks();
  readonly batches = new FakeBatches();
  readonly audioLog = new AudioLog(this.objects);
}

export class Edge {
  readonly backstage: Backstage;
  readonly lines: Line[] = [];
  readonly server: GatewayServer;
  readonly gateway: Gateway;
  readonly #undocumented: () => string[];

  /** @param changes settings and ports other than the usual ones. */
  constructor(changes: Partial<GatewaySettings> = {}, backstage = new Backstage(), ports: Partial<Gateway> = {}) {
    this.backstage = backstage;
    const say = (level: Line['level']) => (facts: object, message: string) =>
      void this.lines.push({ level, facts, message });
    const log: Log = { info: say('info'), warn: say('warn'), error: say('error') };
    const { objects, sessions, files, pools, audioLog, webhooks } = backstage;
    const address = { url: 'ws://gateway', instance: crypto.randomUUID() };
    const decoders = new LiveDecoders(decoderOptions);
    const ours = {
      sessions,
      files,
      pools,
      webhooks,
      outbound: OUTBOUND,
      decoders,
      multipart: null,
      erasures: sessions,
      batches: backstage.batches,
    };
    const own = { address, objects, audioLog, log, ...ours };
    this.gateway = { ...own, settings: { ...settings, ...changes }, ...ports };
    this.server = buildGateway(this.gateway);
    this.#undocumented = watchAnswers(this.server.http);
  }

  get files(): FakeFiles {
    return this.backstage.files;
  }

  get sessions(): FakeSessions {
    return this.backstage.sessions;
  }

  async listen(): Promise<this> {
    this.server.http.listen(0, '127.0.0.1');
    await once(this.server.http, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.http.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @throws when an answer was not as the OpenAPI document says */
  async end(): Promise<void> {
    await this.server.drain();
    this.server.http.closeAllConnections();
    const faults = this.#undocumented();
    if (faults.length > 0) throw new Error(`not as /openapi.json says:\n${faults.join('\n')}`);
  }

  /** A client, once it is told of its session. */
  async client(query = 'session=s'): Promise<Client> {
    return new Client(await connect(`ws://127.0.0.1:${this.port}/v1/live?${query}`));
  }

  /** A worker that dials for a session with the lease of an epoch. */
  async worker(
    dial: { epoch: number; id?: string; fromByte?: number } & Record<string, string | number | boolean>,
    headers = {},
  ) {
    const { id = 's', ...rest } = dial;
    const whole = { workflowId: sessionWorkflowId({ tenant: 't', id }), tenant: 't', session: id, workerId: 'w' };
    const query = { ...whole, fromByte: 0, nextIndex: 0, drain: false, ...rest };
    const text = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) text.set(name, String(value));
    return new Worker(await connect(`ws://127.0.0.1:${this.port}${AUDIO_PLANE_PATH}?${text.toString()}`, { headers }));
  }

  /** All audio of a session that is stored. */
  async stored(id = 's'): Promise<Buffer> {
    const pieces = this.backstage.audioLog.read(objectKeys.audio({ tenant: 't', id }), 0);
    return Buffer.concat(await Array.fromAsync(pieces));
  }
}

class Far {
  readonly socket: WebSocket;
  readonly inbox: Opened['inbox'];

  constructor({ socket, inbox }: Opened) {
    this.socket = socket;
    this.inbox = inbox;
  }

  say(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The close code, once closed. */
  async code(): Promise<number> {
    return (await this.inbox.closed).code;
  }
}

export class Client extends Far {
  session(): Promise<{ id: string; durableBytes: number; nextIndex: number }> {
    return this.inbox.next('session');
  }

  /** Resolves when so much is acknowledged. */
  async acked(bytes: number): Promise<void> {
    await this.inbox.until(() =>
      this.inbox.ofType<{ durableBytes: number }>('ack').some((ack) => ack.durableBytes >= bytes),
    );
  }

  /** Indexes of the finals that came, in order. */
  get finals(): number[] {
    return this.inbox.ofType<Segment>('final').map(({ index }) => index);
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes);
  }
}

export class Worker extends Far {
  /** @param settled what was said before this byte is committed */
  consumed(bytes: number, settled?: number): void {
    this.say({ type: 'consumed', bytes, ...(settled === undefined ? {} : { settled }) });
  }
}
