/** A whole installation for tests: the real Temporal server and real processes, each of which can be killed. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentProgress } from '../../infra/assets/progress.ts';
import { resolveTemporal } from '../../infra/assets/resolve.ts';
import { readConfig } from '../../infra/config.ts';
import { temporalServer } from '../../infra/temporal-server.ts';
import type { TemporalServer } from '../../infra/temporal-server.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.ts';

type Settings = Record<string, string>;

/** A process of ours: started, killed and started again as the test likes. */
export class Part {
  readonly name: string;
  readonly #entry: string;
  readonly #settings: Settings;
  readonly #way: Settings;
  readonly #logFile: string;
  #child: ChildProcess | null = null;
  /** What the process says over its channel once it runs, e.g. asks its parent for workers. */
  heard: ((message: unknown, reply: (answer: object) => void) => void) | null = null;
  #ready: Readonly<Record<string, unknown>> = {};
  #exited: Promise<[code: number | null, signal: NodeJS.Signals | null]> | null = null;

  constructor(name: string, entry: string, settings: Settings, logFile: string, way: Settings = {}) {
    this.name = name;
    this.#entry = entry;
    this.#settings = settings;
    this.#logFile = logFile;
    this.#way = way;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.name} is not running`);
    return pid;
  }

  /** How the process that was started last ends, by whatever cause. */
  get exited(): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
    return this.#exited ?? Promise.reject(new Error(`${this.name} was not started`));
  }

  /** What the process said when it was ready. */
  get ready(): Readonly<Record<string, unknown>> {
    return this.#ready;
  }

  /** Starts the process and waits until it is ready. @param descriptors files and sockets it may have open at most. */
  async start(own: Settings = {}, descriptors?: number): Promise<this> {
    const file = fileURLToPath(new URL(`../../workers/${this.#entry}-main.ts`, import.meta.url));
    const line = [process.execPath, file];
    if (descriptors !== undefined) line.unshift('sh', '-c', `ulimit -n ${descriptors}; exec "$0" "$@"`);
    const [program = '', ...args] = line;
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...this.#settings, ...this.#way, ...own },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    child.on('message', (message) => this.heard?.(message, (answer) => child.send(answer)));
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    child.stdout?.pipe(log);
    child.stderr?.pipe(log);
    this.#ready = await new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(message as Record<string, unknown>));
      child.once('exit', (code, signal) => {
        void this.log().then((lines) => reject(new Error(`${this.name} ended: ${code ?? signal ?? ''}\n${lines}`)));
      });
    });
    return this;
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends the process at once and waits until it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    // A stopped process takes a signal other than SIGKILL only when it goes on.
    child.kill('SIGCONT');
    await gone;
    this.#child = null;
  }

  /** Asks the process to end, and waits for how it does. */
  async end(signal: NodeJS.Signals): Promise<[code: number | null, signal: NodeJS.Signals | null]> {
    const child = this.#child;
    if (child === null) throw new Error(`${this.name} is not running`);
    const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    child.kill(signal);
    const how = await ended;
    this.#child = null;
    return how;
  }

  /** Sends the process a message and answers what it says next: for programs that a test puts beside the entry point. */
  async ask(message: object): Promise<unknown> {
    const child = this.#child;
    if (child === null) throw new Error(`${this.name} is not running`);
    const answer = once(child, 'message');
    child.send(message);
    return ((await answer) as unknown[])[0];
  }

  async log(): Promise<string> {
    return readFile(this.#logFile, 'utf8').catch(() => '');
  }
}

export interface SystemOptions {
  /** LONGHAND_MODELS; one scripted model `en` otherwise. */
  readonly models?: Readonly<Record<string, object>>;
  /** Workers started, of the default model. */
  readonly workers?: number;
  readonly settings?: Settings;
  /** Settings of one kind of part each, where Temporal listens being known: other ways to Temporal or to the gateway. */
  readonly ways?: (temporalAddress: string) => Promise<Partial<Record<Entry, Settings>>>;
}

/** A kind of part, by its entry point. */
type Entry = 'gateway' | 'orchestrator' | 'asr';

const SCRIPTED = { en: { engine: 'scripted' } };

export class System {
  readonly folder: string;
  readonly temporal: TemporalServer;
  readonly gateway: Part;
  readonly orchestrator: Part;
  readonly workers: Part[] = [];
  readonly #others: Part[] = [];
  readonly #settings: Settings;
  readonly #ways: Partial<Record<Entry, Settings>>;
  #parts = 0;

  private constructor(
    folder: string,
    temporal: TemporalServer,
    settings: Settings,
    ways: Partial<Record<Entry, Settings>>,
  ) {
    this.folder = folder;
    this.temporal = temporal;
    this.#settings = settings;
    this.#ways = ways;
    this.gateway = this.#part('gateway');
    this.orchestrator = this.#part('orchestrator');
  }

  static async start(options: SystemOptions = {}): Promise<System> {
    const folder = await mkdtemp(join(tmpdir(), 'longhand-test-'));
    const temporal = await startTemporal(folder);
    const settings = {
      LONGHAND_DATA_DIR: folder,
      LONGHAND_TEMPORAL_ADDRESS: temporal.address,
      LONGHAND_HTTP_PORT: '0',
      LONGHAND_INTERNAL_KEY: 'test-key',
      LONGHAND_MODELS: JSON.stringify(options.models ?? SCRIPTED),
      ...(process.env['LONGHAND_CACHE_DIR'] === undefined
        ? {}
        : { LONGHAND_CACHE_DIR: process.env['LONGHAND_CACHE_DIR'] }),
      ...options.settings,
    };
    const system = new System(folder, temporal, settings, (await options.ways?.(temporal.address)) ?? {});
    try {
      await Promise.all([system.orchestrator.start(), system.gateway.start()]);
      system.#settings['LONGHAND_GATEWAY_URL'] = system.url;
      await Promise.all(Array.from({ length: options.workers ?? 1 }, () => system.addWorker()));
    } catch (error) {
      // What did start would outlive the test, and keep it from ending.
      await system.stop();
      throw error;
    }
    return system;
  }

  /** What every process of the installation is started with. */
  get settings(): Readonly<Settings> {
    return this.#settings;
  }

  /** ws:// address of the gateway. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get httpUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return Number(this.gateway.ready['port']);
  }

  async addWorker(own: Settings = {}): Promise<Part> {
    const worker = this.#part('asr');
    this.workers.push(worker);
    return worker.start(own);
  }

  /** Orchestrators beside the first one. */
  get furtherOrchestrators(): Part[] {
    return this.#others.filter(({ name }) => name.startsWith('orchestrator'));
  }

  /** One more gateway, on a port of its own, or one more orchestrator. */
  async add(entry: 'gateway' | 'orchestrator'): Promise<Part> {
    const part = this.#part(entry);
    this.#others.push(part);
    return part.start();
  }

  /** Starts the gateway again on its port. */
  async restartGateway(descriptors?: number): Promise<void> {
    await this.gateway.start({ LONGHAND_HTTP_PORT: String(this.port) }, descriptors);
  }

  /** The worker process that serves a session now. */
  async workerOf(session: string): Promise<Part> {
    const { lease } = (await this.json(`/v1/sessions/${session}`)) as { lease: { workerId: string } | null };
    const worker = this.workers.find(({ ready }) => ready['workerId'] === lease?.workerId);
    if (worker === undefined) throw new Error(`no worker serves ${session}: ${JSON.stringify(lease)}`);
    return worker;
  }

  async json(path: string): Promise<unknown> {
    return (await fetch(`${this.httpUrl}${path}`)).json();
  }

  /** Ends everything; with `TEST_KEEP` the folder with its logs stays. */
  async stop(): Promise<void> {
    await Promise.all([...this.workers, ...this.#others, this.gateway, this.orchestrator].map((part) => part.kill()));
    await this.temporal.process.stop(5000);
    if (process.env['TEST_KEEP'] === undefined) await rm(this.folder, { recursive: true, force: true });
  }

  #part(entry: Entry): Part {
    this.#parts += 1;
    const name = `${entry}-${this.#parts}`;
    return new Part(name, entry, this.#settings, join(this.folder, `${name}.log`), this.#ways[entry]);
  }
}

/** A port that was free may be another's, such as a connection's, by the time the server takes it: another one is tried. */
const TEMPORAL_PORTS = 3;

async function startTemporal(folder: string, tries = TEMPORAL_PORTS): Promise<TemporalServer> {
  const config = readConfig({ ...process.env, LONGHAND_TEMPORAL_ADDRESS: '' });
  const temporal = await temporalServer({
    binary: await resolveTemporal(config, silentProgress),
    databaseFile: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    port: 0,
    uiPort: null,
    namespace: 'default',
    searchAttributes: SEARCH_ATTRIBUTES,
    environment: process.env,
    say: () => undefined,
    // The server chooses ports of its own besides ours, and ends when another process was quicker.
    restart: { attempts: 3 },
  });
  try {
    await temporal.process.start();
    return temporal;
  } catch (error) {
    if (tries === 1) throw error;
    return startTemporal(folder, tries - 1);
  }
}
