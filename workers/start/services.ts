/** The processes of one machine: how each is started, and what it is told. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment, type Config } from '../../infra/config.ts';
import { type ProcessSpec, readyMessage } from '../../infra/processes/managed-process.ts';
import { endRemembered } from '../../infra/processes/pid-file.ts';
import type { Needs } from './needs.ts';

export interface EntryPoints {
  readonly orchestrator: string;
  readonly gateway: string;
  readonly asr: string;
}

const entryPoint = (name: string): string => join(import.meta.dirname, '..', `${name}-main.ts`);

export const ENTRY_POINTS: EntryPoints = {
  orchestrator: entryPoint('orchestrator'),
  gateway: entryPoint('gateway'),
  asr: entryPoint('asr'),
};

/** What a restart may be asked for. */
export const GROUPS = ['orchestrator', 'gateway', 'asr'] as const;
export type Group = (typeof GROUPS)[number];

export interface Service {
  readonly group: Group;
  readonly spec: ProcessSpec<Record<string, unknown>>;
}

export interface Surroundings {
  readonly temporalAddress: string;
  readonly httpPort: number;
  readonly internalKey: string;
  readonly needs: Needs;
}

/** Address as a URL's host: IPv6 in brackets. */
export const urlHost = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** The settings every process gets; they are told everything, and look nothing up. */
function settings(
  config: Config,
  { temporalAddress, httpPort, internalKey, needs }: Surroundings,
): Record<string, string> {
  return {
    LONGHAND_DATA_DIR: config.LONGHAND_DATA_DIR,
    LONGHAND_TEMPORAL_ADDRESS: temporalAddress,
    LONGHAND_HTTP_PORT: String(httpPort),
    LONGHAND_INTERNAL_KEY: internalKey,
    LONGHAND_GATEWAY_URL: config.LONGHAND_GATEWAY_URL ?? `ws://${urlHost(config.LONGHAND_HOST)}:${httpPort}`,
    LONGHAND_MODELS: JSON.stringify(needs.models),
    LONGHAND_DEFAULT_MODEL: config.LONGHAND_DEFAULT_MODEL,
    ...(needs.vadFile === null ? {} : { LONGHAND_VAD_FILE: needs.vadFile }),
  };
}

/** Ends processes that a killed supervisor left behind and that have not noticed yet; answers their names. */
export async function endStaleServices(dataDir: string, entryPoints: EntryPoints): Promise<string[]> {
  const folder = join(dataDir, 'run');
  const files = await readdir(folder).catch(() => []);
  const ended = files.map(async (file) => {
    const group = GROUPS.find((name) => file.startsWith(name));
    const pid = group === undefined ? null : await endRemembered(join(folder, file), entryPoints[group]);
    return pid === null ? [] : [`${file.replace(/\.pid$/, '')} (process ${pid})`];
  });
  return (await Promise.all(ended)).flat();
}

/** How the processes of this machine are started. */
export interface Services {
  readonly orchestrator: Service;
  readonly gateway: Service;
  /** The n-th ASR worker of a model. */
  readonly worker: (model: string, number: number) => Service;
}

export function services(config: Config, surroundings: Surroundings, entryPoints = ENTRY_POINTS): Services {
  const common = settings(config, surroundings);
  const service = (group: Group, name: string, own: Record<string, string> = {}): Service => ({
    group,
    spec: {
      name,
      file: process.execPath,
      args: [entryPoints[group]],
      environment: childEnvironment({ ...common, ...own }),
      logFile: join(config.LONGHAND_DATA_DIR, 'logs', `${name}.log`),
      pidFile: join(config.LONGHAND_DATA_DIR, 'run', `${name}.pid`),
      orphan: 'ipc',
      ready: readyMessage,
    },
  });
  return {
    // The workers here are ours to start and end, unless somebody said otherwise.
    orchestrator: service('orchestrator', 'orchestrator', {
      LONGHAND_CLUSTER: config.LONGHAND_CLUSTER === 'auto' ? 'parent' : config.LONGHAND_CLUSTER,
    }),
    gateway: service('gateway', 'gateway'),
    worker: (model, number) => service('asr', `asr-${model}-${number}`, { LONGHAND_MODEL: model }),
  };
}
