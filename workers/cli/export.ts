/** `longhand export`: sessions as lines of JSON or as CSV, for other programs. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { csvRow } from './csv.ts';
import type { RestClient, SessionRow } from './rest-client.ts';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';

const PAGE = 200;
const COLUMNS = ['id', 'kind', 'state', 'model', 'labels', 'worker', 'startedAt', 'endedAt'] as const;

interface ExportOptions extends ServerOptions {
  readonly as: 'ndjson' | 'csv';
  readonly state?: string;
  readonly kind?: string;
  readonly model?: string;
  readonly text?: true;
}

export function exportCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('export').description('sessions as lines of JSON, or as CSV'))
    .addOption(new Option('--as <form>', 'of the lines').choices(['ndjson', 'csv']).default('ndjson'))
    .option('--state <state>', 'only those in this state, such as completed')
    .addOption(new Option('--kind <kind>', 'only these').choices(['live', 'file']))
    .option('--model <name>', 'only those of this model')
    .option('--text', 'with the text of completed sessions')
    .action(async (options: ExportOptions) => {
      const rest = restClient(readConfig(), options);
      const columns = [...COLUMNS, ...(options.text ? (['text'] as const) : [])];
      if (options.as === 'csv') process.stdout.write(csvRow(columns));
      for await (const row of sessions(rest, options)) {
        const text = options.text ? { text: await textOf(rest, row) } : {};
        const whole = { ...row, ...text };
        const line =
          options.as === 'csv' ? csvRow(columns.map((name) => cellOf(whole, name))) : `${JSON.stringify(whole)}\n`;
        process.stdout.write(line);
      }
    });
}

async function* sessions(rest: RestClient, { state, kind, model }: ExportOptions): AsyncGenerator<SessionRow> {
  for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
    const page = await rest.sessions(PAGE, cursor);
    for (const row of page.sessions) {
      const isWanted = (wanted: string | undefined, is: string): boolean => wanted === undefined || wanted === is;
      if (isWanted(state, row.state) && isWanted(kind, row.kind) && isWanted(model, row.model)) yield row;
    }
    cursor = page.nextCursor;
  }
}

const cellOf = (
  row: SessionRow & { readonly text?: string | null },
  name: (typeof COLUMNS)[number] | 'text',
): string => {
  const value = row[name];
  return typeof value === 'string' ? value : (value ?? []).join(' ');
};

const textOf = async (rest: RestClient, { id, state }: SessionRow): Promise<string | null> =>
  state === 'completed' ? (await rest.transcript(id, 'txt')).trim() : null;
