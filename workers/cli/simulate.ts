/** `longhand simulate`: plays a day against a policy with a virtual clock: worker-hours, money, waits. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { CliError } from './failure.ts';
import { chartHtml, chartSvg } from './simulate/chart.ts';
import { simulationJson, simulationText } from './simulate/report.ts';
import { NAMED_POLICIES, simulate } from './simulate/run.ts';
import type { SimulateOptions } from './simulate/run.ts';

/** A Monday. */
const DATE = '2026-01-05';

function seedOf(text: string): number {
  const seed = Number(text);
  if (/^\d{1,10}$/.test(text) && seed < 2 ** 32) return seed;
  throw new InvalidArgumentError('allowed is a whole number from 0 to 4294967295.');
}

function dateOf(text: string): string {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError('allowed is a day, e.g. 2026-01-05.');
}

export function simulateCommand(program: Command): void {
  program
    .command('simulate')
    .description('play a day against a scaling policy: worker-hours, cost, waits (docs/scaling.md)')
    .option('--calendar <file>', 'workers by hour, or cron entries')
    .option('--arrivals <file>', 'sessions of the day; without it there are none')
    .option('--policy <file|name>', `policy file, or ${NAMED_POLICIES.join(', ')}`, 'default')
    .option('--seed <n>', 'of the random draws', seedOf, 1)
    .option('--date <day>', 'which day it is, for cron entries and daylight saving', dateOf, DATE)
    .option('--json', 'as JSON, with a point for every five minutes')
    .option('--html <file>', 'write a chart as a page; an SVG where the name ends in .svg')
    .action(async (options: SimulateOptions & { readonly json?: true; readonly html?: string }) => {
      const simulation = await simulate(options);
      const { html } = options;
      if (html !== undefined) await write(html, html.endsWith('.svg') ? chartSvg(simulation) : chartHtml(simulation));
      process.stdout.write(options.json ? simulationJson(simulation) : simulationText(simulation));
    });
}

async function write(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) => {
    throw new CliError(`${path}: cannot be written (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  });
}
