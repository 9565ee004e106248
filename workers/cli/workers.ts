/** `longhand workers`: who recognises speech, and for whom. */
import type { Command } from 'commander';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';
import type { WorkerRow } from './rest-client.ts';
import { localTime, table } from './table.ts';

export function workersCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('workers').description('list the workers and what they serve'))
    .option('--json', 'as JSON')
    .action(async (options: ServerOptions & { json?: true }) => {
      const rows = await restClient(readConfig(), options).workers();
      process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : workerTable(rows));
    });
}

export function workerTable(rows: readonly WorkerRow[]): string {
  if (rows.length === 0) return 'There are no workers: sessions wait until one comes.\n';
  const lines = rows.map(({ id, model, pid, host, slots, sessions, startedAt }) => [
    id,
    model,
    `${sessions.length}/${slots}`,
    String(pid),
    host,
    localTime(startedAt),
    sessions.join(' ') || '-',
  ]);
  return table([['ID', 'MODEL', 'BUSY', 'PID', 'HOST', 'STARTED', 'SESSIONS'], ...lines]);
}
