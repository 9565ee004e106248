/** `longhand sessions`: the latest sessions. */
import type { Command } from 'commander';
import { restClient, wholeNumber, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';
import type { RestClient, SessionRow } from './rest-client.ts';
import { duration, localTime, table } from './table.ts';

/** The most the API gives at once. */
const MAX_PAGE = 200;

export function sessionsCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('sessions').description('list the latest sessions'))
    .option('--limit <number>', 'how many', wholeNumber(1), 20)
    .option('--json', 'as JSON')
    .action(async (options: ServerOptions & { limit: number; json?: true }) => {
      const rows = await latest(restClient(readConfig(), options), options.limit);
      process.stdout.write(options.json ? `${JSON.stringify(rows, null, 2)}\n` : sessionTable(rows, Date.now()));
    });
}

async function latest(rest: RestClient, limit: number): Promise<SessionRow[]> {
  const rows: SessionRow[] = [];
  let cursor: string | null = null;
  do {
    const page = await rest.sessions(Math.min(MAX_PAGE, limit - rows.length), cursor);
    rows.push(...page.sessions);
    cursor = page.nextCursor;
  } while (cursor !== null && rows.length < limit);
  return rows;
}

/** @param nowMs what the sessions that still run are measured to */
export function sessionTable(rows: readonly SessionRow[], nowMs: number): string {
  if (rows.length === 0) return 'There are no sessions yet. Try: npx longhand live workers/start/sample/jfk.wav\n';
  const lines = rows.map(({ id, kind, state, model, worker, startedAt, endedAt }) => [
    id,
    kind,
    state,
    model,
    worker ?? '-',
    localTime(startedAt),
    duration((endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt)),
  ]);
  return table([['ID', 'KIND', 'STATE', 'MODEL', 'WORKER', 'STARTED', 'LASTED'], ...lines]);
}
