/** Which ports Longhand takes on this machine; all of them are tried before anything is started. */
import type { Config } from '../../infra/config.ts';
import { freePort } from '../../infra/processes/ports.ts';
import { StartError } from './data-dir.ts';

type PortSetting = 'LONGHAND_HTTP_PORT' | 'LONGHAND_TEMPORAL_PORT' | 'LONGHAND_TEMPORAL_UI_PORT';

export interface Ports {
  readonly http: number;
  /** Null: Temporal is not ours. */
  readonly temporal: { readonly port: number; readonly uiPort: number } | null;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another process: end that one, or choose another port',
  EACCES: 'may not be taken by this user: choose one above 1023',
};

async function take(config: Config, setting: PortSetting, host: string): Promise<number> {
  try {
    return await freePort(config[setting], host);
  } catch (fault) {
    const reason = REASONS[(fault as NodeJS.ErrnoException).code ?? ''] ?? (fault as Error).message;
    throw new StartError(`${setting}: port ${config[setting]} on ${host} ${reason} (0 takes a free one)`, {
      cause: fault,
    });
  }
}

/** @throws StartError naming the setting whose port cannot be had */
export async function takePorts(config: Config): Promise<Ports> {
  const http = await take(config, 'LONGHAND_HTTP_PORT', config.LONGHAND_HOST);
  if (config.LONGHAND_TEMPORAL_ADDRESS !== null) return { http, temporal: null };
  const port = await take(config, 'LONGHAND_TEMPORAL_PORT', '127.0.0.1');
  const uiPort = await take(config, 'LONGHAND_TEMPORAL_UI_PORT', '127.0.0.1');
  if (new Set([http, port, uiPort]).size < 3) {
    throw new StartError('LONGHAND_HTTP_PORT, LONGHAND_TEMPORAL_PORT and LONGHAND_TEMPORAL_UI_PORT must differ');
  }
  return { http, temporal: { port, uiPort } };
}
