/** Options of every command that speaks to the service. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { Config } from '../../infra/config.ts';
import { PRIORITIES } from '../../workflows/contract.ts';
import { RestClient } from './rest-client.ts';

/** Reads the settings when a command runs: `--help` works with wrong ones too. */
export type ReadConfig = () => Config;

export interface ServerOptions {
  readonly url?: string;
}

export interface ModelOptions extends ServerOptions {
  readonly model?: string;
  readonly language?: string;
  readonly priority?: string;
}

export const withServer = (command: Command): Command =>
  command.option('--url <address>', 'where Longhand answers (setting LONGHAND_URL)', parseUrl);

export const withModel = (command: Command): Command =>
  withServer(command)
    .option('--model <name>', 'model to use (default: the default model)')
    .option('--language <code>', "one of the model's languages (default: its first)")
    .addOption(new Option('--priority <class>', 'order of service while all workers are busy').choices(PRIORITIES));

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('expected http://host:port or https://host');
  }
  return text;
}

/** A whole number from `least` on. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
      throw new InvalidArgumentError(`expected a whole number from ${least} on`);
    }
    return Number(text);
  };
}

/** The service's address: option, setting, or this machine's own. */
export function serverUrl(config: Config, { url }: ServerOptions): string {
  const { LONGHAND_URL, LONGHAND_HOST: host, LONGHAND_HTTP_PORT: port } = config;
  const own = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return (url ?? LONGHAND_URL ?? own).replace(/\/+$/, '');
}

export const restClient = (config: Config, options: ServerOptions): RestClient =>
  new RestClient(serverUrl(config, options), config.LONGHAND_API_KEY);

/** Model, language and priority as parameters of the API; what was not given is left to the service. */
export function modelParameters({ model, language, priority }: ModelOptions): Record<string, string> {
  const given = Object.entries({ model, language, priority });
  return Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
