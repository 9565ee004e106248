/** Runs Longhand on one machine: Temporal, orchestrator, gateway and ASR workers, each a process of its own. */
import { join } from 'node:path';
import { machineEnvironment, type Config } from '../../infra/config.ts';
import { ManagedProcess } from '../../infra/processes/managed-process.ts';
import { endStaleTemporal, temporalServer, type TemporalServer } from '../../infra/temporal-server.ts';
import { internalKey, lockDataDir, StartError } from './data-dir.ts';
import type { Needs } from './needs.ts';
import { type Ports, takePorts } from './ports.ts';
import { isQuestion, LocalPools } from './local-pools.ts';
import { type EntryPoints, type Group, endStaleServices, type Services, services, urlHost } from './services.ts';

export interface SupervisorOptions {
  readonly config: Config;
  readonly entryPoints: EntryPoints;
  /** Registered with an embedded Temporal: name → type. */
  readonly searchAttributes: Readonly<Record<string, string>>;
  /** Gets what has to be on the machine; called once the folder and the ports are known to be free. */
  readonly needs: (config: Config) => Promise<Needs>;
  readonly say: (line: string) => void;
}

/** Where the running system is reached. */
export interface Addresses {
  readonly http: string;
  readonly ws: string;
  readonly temporal: string;
  readonly temporalUi: string | null;
}

interface Member {
  readonly group: Group;
  readonly process: ManagedProcess<Record<string, unknown>>;
}

/** A process is given so much longer than its own drain takes. */
const BEYOND_DRAIN_MS = 5000;
const TEMPORAL_STOP_MS = 10_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  #unlock: (() => Promise<void>) | null = null;
  #temporal: TemporalServer | null = null;
  #members: Member[] = [];
  #pools: LocalPools | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /**
   * Starts everything; when it fails, what was started is ended again.
   * @throws StartError, AssetError, ProcessError
   */
  async start(): Promise<Addresses> {
    try {
      return await this.#start();
    } catch (fault) {
      await this.stop();
      throw fault;
    }
  }

  /** Ends all in order: workers hand over or finish, then the gateway, the orchestrator, Temporal last. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends all at once. What is acknowledged is stored; the next start goes on from there. */
  async kill(): Promise<void> {
    const temporal = this.#temporal === null ? [] : [this.#temporal];
    const processes = [...this.#members, ...temporal].map(({ process }) => process);
    await Promise.all([...processes, ...(this.#pools?.processes ?? [])].map((process) => process.stop(0)));
    await this.stop();
  }

  /** Starts processes anew, e.g. because their code has changed. */
  async restart(groups: ReadonlySet<Group>): Promise<void> {
    const chosen = this.#members.filter(({ group }) => groups.has(group)).map(({ process }) => process);
    if (groups.has('asr')) chosen.push(...(this.#pools?.processes ?? []));
    await Promise.all(chosen.map((process) => process.restart(this.#graceMs)));
  }

  get #graceMs(): number {
    return this.#options.config.LONGHAND_DRAIN_MS + BEYOND_DRAIN_MS;
  }

  async #start(): Promise<Addresses> {
    const { config, needs: getNeeds } = this.#options;
    this.#unlock = await lockDataDir(config.LONGHAND_DATA_DIR);
    await this.#endStale();
    const ports = await takePorts(config);
    const needs = await getNeeds(config);
    this.#goOn();
    const temporalAddress = await this.#startTemporal(needs, ports);
    this.#goOn();
    const key = config.LONGHAND_INTERNAL_KEY ?? (await internalKey(config.LONGHAND_DATA_DIR));
    const surroundings = { temporalAddress, httpPort: ports.http, internalKey: key, needs };
    await this.#startServices(services(config, surroundings, this.#options.entryPoints), Object.keys(needs.models));
    const host = `${urlHost(config.LONGHAND_HOST)}:${ports.http}`;
    const temporalUi = this.#temporal?.uiAddress ?? null;
    return { http: `http://${host}`, ws: `ws://${host}`, temporal: temporalAddress, temporalUi };
  }

  /** Whoever asked for an end while something was being fetched or started gets it here. */
  #goOn(): void {
    if (this.#stopping !== null) throw new StartError('stopped before it was ready');
  }

  get #databaseFile(): string {
    return join(this.#options.config.LONGHAND_DATA_DIR, 'temporal', 'temporal.db');
  }

  async #endStale(): Promise<void> {
    const { config, entryPoints, say } = this.#options;
    const ended = await endStaleServices(config.LONGHAND_DATA_DIR, entryPoints);
    const pid = await endStaleTemporal(this.#databaseFile);
    if (pid !== null) ended.push(`temporal (process ${pid})`);
    if (ended.length > 0) say(`left behind by an earlier start, ended: ${ended.join(', ')}`);
  }

  async #startTemporal({ temporalBinary }: Needs, { temporal }: Ports): Promise<string> {
    const { config, searchAttributes, say } = this.#options;
    if (config.LONGHAND_TEMPORAL_ADDRESS !== null) return config.LONGHAND_TEMPORAL_ADDRESS;
    if (temporalBinary === null || temporal === null) throw new StartError('there is no Temporal binary to start');
    this.#temporal = await temporalServer({
      ...temporal,
      binary: temporalBinary,
      databaseFile: this.#databaseFile,
      logFile: join(config.LONGHAND_DATA_DIR, 'logs', 'temporal.log'),
      namespace: config.LONGHAND_TEMPORAL_NAMESPACE,
      searchAttributes,
      environment: machineEnvironment(),
      say,
      restart: {},
    });
    this.#goOn();
    await this.#temporal.process.start();
    return this.#temporal.address;
  }

  async #startServices({ orchestrator, gateway, worker }: Services, models: readonly string[]): Promise<void> {
    const { say, config } = this.#options;
    const pools = new LocalPools({ worker, graceMs: this.#graceMs, say });
    this.#pools = pools;
    const answered = {
      ...orchestrator,
      spec: {
        ...orchestrator.spec,
        heard: (message: unknown, reply: (answer: object) => void) => {
          if (isQuestion(message)) reply(pools.answer(message));
        },
      },
    };
    this.#members = [answered, gateway].map(({ group, spec }) => ({ group, process: new ManagedProcess(spec, say) }));
    // All of them at once: each waits for the others by itself.
    await Promise.all([
      ...this.#members.map(({ process }) => process.start()),
      ...models.map((model) => pools.begin(model, config.LONGHAND_WORKERS)),
    ]);
  }

  async #stop(): Promise<void> {
    await this.#pools?.stop();
    for (const group of ['gateway', 'orchestrator'] as const) {
      const members = this.#members.filter((member) => member.group === group);
      await Promise.all(members.map(({ process }) => process.stop(this.#graceMs)));
    }
    await this.#temporal?.process.stop(TEMPORAL_STOP_MS);
    await this.#unlock?.();
  }
}
