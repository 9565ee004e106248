/** `longhand pools`: how many workers each pool has, and why; and an operator's calendar. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { CliError, EXIT } from './failure.ts';
import type { PoolRow, RestClient } from './rest-client.ts';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';
import { readCalendar } from './simulate/files.ts';
import { table } from './table.ts';

export function poolsCommand(program: Command, readConfig: ReadConfig): void {
  const pools = withServer(
    program.command('pools').description('list the pools: how many workers each one has, and why'),
  )
    .option('--json', 'as JSON')
    .action(async (options: ServerOptions & { json?: true }) => {
      const rows = await restClient(readConfig(), options).pools();
      process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : poolTable(rows));
    });
  calendarCommand(pools, readConfig);
  pools
    .command('costs')
    .description('what the pools cost: today, this month and its forecast, a session, each tenant')
    .action(async (_own: object, command: Command) => {
      const { json, ...options } = command.optsWithGlobals<ServerOptions & { json?: true }>();
      const rows = await restClient(readConfig(), options).pools();
      const costs = rows.map(({ id, cost }) => ({ id, cost }));
      process.stdout.write(json ? `${JSON.stringify(costs, null, 2)}\n` : costTable(rows));
    });
}

/** A line for each pool, and below it one for each tenant of this month. */
export function costTable(rows: readonly PoolRow[]): string {
  const lines = rows.flatMap(({ id, cost }) => {
    if (cost === null) return [[id, '-', '-', '-', '-', '-', "no prices in the pool's policy"]];
    const { currency, days, month, tenants } = cost;
    const money = (amount = 0): string => amount.toFixed(2);
    const aSession = (amount: number | null): string => (amount === null ? '-' : amount.toPrecision(3));
    return [
      [
        ...[id, money(days.at(-1)?.cost), money(month.soFar), money(month.forecast)],
        ...[String(month.sessions), aSession(month.costPerSession), currency],
      ],
      ...tenants.map(({ tenant, sessions, cost: share }) => [
        ...[`  ${tenant}`, '', money(share), '', String(sessions)],
        ...[aSession(sessions === 0 ? null : share / sessions), currency],
      ]),
    ];
  });
  return table([['POOL', 'TODAY', 'MONTH', 'FORECAST', 'SESSIONS', 'A SESSION', ''], ...lines]);
}

interface CalendarOptions extends ServerOptions {
  readonly role: 'floor' | 'expected';
  readonly policy?: true;
}

function calendarCommand(pools: Command, readConfig: ReadConfig): void {
  pools
    .command('calendar')
    .description("an operator's calendar for a pool, instead of its policy's, until --policy")
    .argument('<pool>', 'the model')
    .argument('[file]', 'a calendar, as `longhand simulate --calendar` reads it')
    .addOption(
      new Option('--role <role>', 'floor: never fewer workers than the table says; expected: only the load to expect')
        .choices(['floor', 'expected'])
        .default('expected'),
    )
    .option('--policy', "the policy's calendar again")
    .action(async (pool: string, file: string | undefined, _own: object, command: Command) => {
      // Options that both commands know are the outer one's.
      const { role, policy, ...options } = command.optsWithGlobals<CalendarOptions>();
      if ((file === undefined) !== (policy === true)) throw new CliError('give a file or --policy', EXIT.wrongUse);
      const client = restClient(readConfig(), options);
      const calendar = file === undefined ? null : { ...(await calendarOf(client, pool, file)), role };
      await client.setCalendar(pool, calendar);
      process.stdout.write(file === undefined ? `${pool}: the policy's calendar\n` : `${pool}: ${file}, ${role}\n`);
    });
}

/** @throws CliError where the file's hours are of another time zone than the pool's */
async function calendarOf(client: RestClient, pool: string, file: string) {
  const { calendar, timeZone } = await readCalendar(file);
  const own = (await client.pool(pool)).timeZone;
  if (own === timeZone) return calendar;
  throw new CliError(`${file}: timeZone is ${timeZone}, the pool's is ${own}: give the hours of ${own}`, EXIT.wrongUse);
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
