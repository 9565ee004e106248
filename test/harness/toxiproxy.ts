/** A network that fails as the test says: the real toxiproxy between two parts of an installation. */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '../../infra/processes/ports.ts';
import { findGo } from './go.ts';
import { program } from './program.ts';

const run = promisify(execFile);

const VERSION = '2.5.0';
const MODULE = `github.com/Shopify/toxiproxy/v2/cmd/server@v${VERSION}`;
const READY_MS = 10_000;
const START_TRIES = 3;
/** Of what toxiproxy draws by chance: the jitter. */
const SEED = '1';

/** What is done to the bytes of one direction. */
export type Toxic = { readonly type: string; readonly attributes: Readonly<Record<string, number>> };

/** Every byte comes so many milliseconds later, more or less. */
export const delayed = (latency: number, jitter: number): Toxic => ({
  type: 'latency',
  attributes: { latency, jitter },
});

/** @param rate kilobytes a second. */
export const trickled = (rate: number): Toxic => ({ type: 'bandwidth', attributes: { rate } });

/** What is sent comes in pieces of about so many bytes, so many microseconds apart. */
export const sliced = (bytes: number, delay: number): Toxic => ({
  type: 'slicer',
  attributes: { average_size: bytes, size_variation: bytes / 2, delay },
});

/** The connection is closed after so many bytes. */
export const endedAfter = (bytes: number): Toxic => ({ type: 'limit_data', attributes: { bytes } });

/**
 * Nothing comes through, and neither end is told; once healed it all comes late, as after a partition. (At a rate of 0 toxiproxy
 * holds what it has and reads no further, whereas its toxic `timeout` drops bytes and so must end the connection.) The
 * end of a connection is held back too, behind any byte that is.
 */
export const held: Toxic = trickled(0);

/** `upstream`: from the one who dialled to the one who listens. */
export type Direction = 'upstream' | 'downstream';

export class Link {
  /** host:port to dial instead of the real one. */
  readonly address: string;
  readonly #api: Api;
  readonly #path: string;
  readonly #toxics = new Set<string>();

  constructor(api: Api, name: string, address: string) {
    this.#api = api;
    this.#path = `/proxies/${name}`;
    this.address = address;
  }

  /** Where the other end is, once it is known. Ends all connections. */
  async leadTo(upstream: string): Promise<void> {
    await this.#api('POST', this.#path, { upstream, enabled: true });
  }

  /** Ends all connections, and refuses new ones. */
  async cut(): Promise<void> {
    await this.#api('POST', this.#path, { enabled: false });
  }

  async restore(): Promise<void> {
    await this.#api('POST', this.#path, { enabled: true });
  }

  /** From now on whenever connections made later are ended by {@link cut}, it is by RST instead of FIN. */
  async endByReset(): Promise<void> {
    // With a toxicity of 0 the toxic passes everything on; what stays of it is SO_LINGER 0 on both sockets.
    const toxic = { type: 'reset_peer', stream: 'downstream', toxicity: 0, attributes: { timeout: 0 } };
    await this.#api('POST', `${this.#path}/toxics`, toxic);
  }

  /** Tears all connections down; new ones may be made at once. */
  async reset(): Promise<void> {
    await this.cut();
    await this.restore();
  }

  /** Holds for the present connections and for new ones, until {@link heal}. */
  async poison(toxic: Toxic, ...directions: Direction[]): Promise<void> {
    for (const stream of directions) {
      const name = `${toxic.type}-${stream}`;
      await this.#api('POST', `${this.#path}/toxics`, { ...toxic, name, stream });
      this.#toxics.add(name);
    }
  }

  /** As if nothing had been: not cut, and without toxics. */
  async heal(): Promise<void> {
    await this.restore();
    for (const name of this.#toxics) await this.#api('DELETE', `${this.#path}/toxics/${name}`);
    this.#toxics.clear();
  }
}

export class Toxiproxy {
  readonly #child: ChildProcess;
  readonly #api: Api;

  constructor(child: ChildProcess, api: Api) {
    this.#child = child;
    this.#api = api;
  }

  /** A link to host:port; without it, to nowhere until {@link Link.leadTo}. */
  async link(name: string, upstream = '127.0.0.1:1'): Promise<Link> {
    const listen = `127.0.0.1:${await calmPort()}`;
    await this.#api('POST', '/proxies', { name, listen, upstream, enabled: true });
    return new Link(this.#api, name, listen);
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/**
 * Starts toxiproxy, built once by Go and kept in the cache. Answers null, and says by name what does not run, where it
 * cannot be had; with `CI=true` that is an error.
 */
export async function startToxiproxy(suite: string): Promise<Toxiproxy | null> {
  const binary = await program(`toxiproxy-${VERSION}`, suite, async (folder) => {
    await run(await findGo(), ['install', MODULE], { env: { ...process.env, GOBIN: folder } });
    return join(folder, 'server');
  });
  if (binary === null) return null;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(binary);
    } catch (error) {
      if (attempt === START_TRIES) throw error;
    }
  }
}

async function start(binary: string): Promise<Toxiproxy> {
  const port = await freePort(0);
  const child = spawn(binary, ['-host', '127.0.0.1', '-port', String(port), '-seed', SEED], { stdio: 'ignore' });
  const api = apiAt(`http://127.0.0.1:${port}`);
  const toxiproxy = new Toxiproxy(child, api);
  const untilMs = performance.now() + READY_MS;
  for (;;) {
    try {
      if (child.exitCode !== null) throw new Error(`toxiproxy ended with ${child.exitCode}`);
      await api('GET', '/proxies');
      return toxiproxy;
    } catch (error) {
      if (child.exitCode === null && performance.now() < untilMs) {
        await pause(50);
        continue;
      }
      await toxiproxy.stop();
      throw error;
    }
  }
}

/** One request to toxiproxy's HTTP API. */
type Api = (method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<void>;

const apiAt =
  (url: string): Api =>
  async (method, path, body) => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${url}${path}`, { method, ...content });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy answered ${answer.status} to ${method} ${path}: ${text}`);
  };

const CALM_FROM = 15_000;
const CALM_TO = 30_000;

/**
 * A free port below those that the system gives to outgoing connections (from 32768 on Linux): while a link is cut none of
 * them may take its port, nor, dialling it again and again, connect to itself.
 */
async function calmPort(): Promise<number> {
  for (;;) {
    const port = CALM_FROM + Math.floor(Math.random() * (CALM_TO - CALM_FROM));
    const isFree = await freePort(port).then(
      () => true,
      () => false,
    );
    if (isFree) return port;
  }
}
