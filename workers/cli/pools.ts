/** `longhand pools`: how many workers each pool has, and why. */
import type { Command } from 'commander';
import type { PoolRow } from './rest-client.ts';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';
import { table } from './table.ts';

export function poolsCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('pools').description('list the pools: how many workers each one has, and why'))
    .option('--json', 'as JSON')
    .action(async (options: ServerOptions & { json?: true }) => {
      const rows = await restClient(readConfig(), options).pools();
      process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : poolTable(rows));
    });
}

export function poolTable(rows: readonly PoolRow[]): string {
  if (rows.length === 0) return 'No pool is scaled here: see LONGHAND_CLUSTER.\n';
  const lines = rows.map(({ id, target, observed, fault, paused, why }) => [
    id,
    target === null ? '-' : String(target),
    observed === null ? '-' : String(observed.workers.busy),
    observed === null ? '-' : String(observed.workers.idle),
    observed === null ? '-' : String(observed.workers.starting),
    observed === null ? '-' : String(observed.waiting.sessions),
    fault ?? (paused ? 'paused' : (why ?? '-')),
  ]);
  return table([['POOL', 'TARGET', 'BUSY', 'IDLE', 'STARTING', 'WAITING', 'WHY'], ...lines]);
}
