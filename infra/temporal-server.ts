/** The embedded Temporal: the dev server on a database file, with the settings that make it fast and fair. */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { ManagedProcess, type RestartPolicy } from './processes/managed-process.ts';
import { endRemembered } from './processes/pid-file.ts';
import { freePort } from './processes/ports.ts';

export interface TemporalServerOptions {
  /** Path of the Temporal CLI. */
  readonly binary: string;
  /** Created if missing; a server started on it again has lost nothing it acknowledged. */
  readonly databaseFile: string;
  readonly logFile: string;
  /** 0 takes a free one and keeps it over restarts. */
  readonly port: number;
  /** null: no UI. */
  readonly uiPort: number | null;
  readonly namespace: string;
  /** Registered with the server: name → type as Temporal spells it. */
  readonly searchAttributes: Readonly<Record<string, string>>;
  readonly environment: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
  /** Whether a server that ends by itself is started again. */
  readonly restart: Partial<RestartPolicy>;
}

const HOST = '127.0.0.1';

/** Unthrottled transfers, timers on time, fairness, exact priority order, fresh statistics. */
const DYNAMIC_CONFIG = [
  // The default of 20 a second and shard makes every hop wait 40 ms once the burst is spent; there is one shard.
  'history.transferProcessorMaxPollRPS=5000',
  // Timers that are due within this are put off to its end: with the default of 1 s, 100 ms become a second.
  'history.timerProcessorMaxTimeShift="10ms"',
  'history.timerProcessorMaxPollRPS=5000',
  // A history is deleted only once the queue's state tells that its close was dealt with; the default writes it every 30 s.
  'history.transferProcessorUpdateAckInterval="1s"',
  // The dev server would read namespace and search attributes anew for every question: 20 reads for a file.
  'system.forceSearchAttributesCacheRefreshOnRead=false',
  'matching.enableFairness=true',
  // With four partitions the order of priorities is only approximate.
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  // Statistics of a queue are kept 5 s otherwise.
  'matching.TaskQueueInfoByBuildIdTTL="1s"',
];

/** Its heap is small and soon full again: it is collected half as often. https://pkg.go.dev/runtime#hdr-Environment_Variables */
const MEMORY = { GOGC: '200', GOMEMLIMIT: '1GiB' };

interface Ports {
  readonly port: number;
  readonly uiPort: number | null;
}

const repeated = (flag: string, values: readonly string[]): string[] => values.flatMap((value) => [flag, value]);

/** The command line of `temporal`. */
export function temporalArguments(options: TemporalServerOptions, { port, uiPort }: Ports): string[] {
  const attributes = Object.entries(options.searchAttributes).map(([name, type]) => `${name}=${type}`);
  const ui =
    uiPort === null ? ['--headless'] : ['--ui-ip', HOST, '--ui-port', String(uiPort), '--ui-disable-news-fetch'];
  return [
    ...[
      'server',
      'start-dev',
      '--log-level',
      'warn',
      '--log-format',
      'json',
      '--ip',
      HOST,
      '--port',
      String(port),
      ...ui,
    ],
    ...['--namespace', options.namespace, '--db-filename', resolve(options.databaseFile)],
    // A commit that was acknowledged is on disk, also when the machine dies.
    ...repeated('--sqlite-pragma', ['journal_mode=wal', 'synchronous=full']),
    ...repeated('--search-attribute', attributes),
    ...repeated('--dynamic-config-value', DYNAMIC_CONFIG),
  ];
}

/** Answers once a Temporal server takes requests, knows the namespace and can be asked for the search attributes. */
export async function temporalReady(
  address: string,
  namespace: string,
  searchAttributes: readonly string[],
  ended: AbortSignal,
): Promise<void> {
  const connection = Connection.lazy({ address, connectTimeout: 1000 });
  const query = searchAttributes.map((name) => `${name} IS NULL`).join(' AND ');
  const ask = async (): Promise<void> => {
    await connection.workflowService.getSystemInfo({});
    await connection.workflowService.describeNamespace({ namespace });
    await connection.workflowService.listWorkflowExecutions({ namespace, query, pageSize: 1 });
  };
  try {
    for (;;) {
      ended.throwIfAborted();
      const answered = await connection.withDeadline(Date.now() + 2000, ask).then(
        () => true,
        () => false,
      );
      if (answered) return;
      await pause(50);
    }
  } finally {
    await connection.close();
  }
}

export interface TemporalServer {
  /** host:port */
  readonly address: string;
  /** http:// address of the UI, or null. */
  readonly uiAddress: string | null;
  /** `start` answers once the server is ready; after `kill` or `stop` it may be started again on the same ports. */
  readonly process: ManagedProcess<void>;
}

/**
 * An embedded server, not started yet. A server that an earlier supervisor left behind on the same database is ended
 * first: two on one file would lock each other out.
 * @throws the system's error when a port is taken
 */
export async function temporalServer(options: TemporalServerOptions): Promise<TemporalServer> {
  const databaseFile = resolve(options.databaseFile);
  await mkdir(dirname(databaseFile), { recursive: true });
  await endStaleTemporal(databaseFile);
  const port = await freePort(options.port);
  const uiPort = options.uiPort === null ? null : await freePort(options.uiPort);
  const address = `${HOST}:${port}`;
  const process = new ManagedProcess<void>(
    {
      name: 'temporal',
      file: options.binary,
      args: temporalArguments(options, { port, uiPort }),
      environment: { ...MEMORY, ...options.environment },
      logFile: options.logFile,
      pidFile: pidFile(databaseFile),
      orphan: 'guarded',
      ready: (_child, ended) => temporalReady(address, options.namespace, Object.keys(options.searchAttributes), ended),
    },
    options.say,
    options.restart,
  );
  return { address, uiAddress: uiPort === null ? null : `http://${HOST}:${uiPort}`, process };
}

const pidFile = (databaseFile: string): string => `${databaseFile}.pid`;

/** Ends a server that was left behind on this database; answers its process id, or null. */
export const endStaleTemporal = (databaseFile: string): Promise<number | null> =>
  endRemembered(pidFile(resolve(databaseFile)), resolve(databaseFile));
