/** `npm run bench`: measures the real system and prints the figures beside their goals. */
import { Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import { watchOthers } from './cpu.ts';
import { endAll } from './processes.ts';
import { conditions, intoReadme, machine, withLimit } from './report.ts';
import { commits } from './series/commits.ts';
import { connect } from './series/connect.ts';
import { engine } from './series/engine.ts';
import { file, files } from './series/file.ts';
import { killed, stopped } from './series/failover.ts';
import { history } from './series/history.ts';
import { overload } from './series/overload.ts';
import { queue } from './series/queue.ts';
import { scalingRequest } from './series/scaling-request.ts';
import type { Series } from './series/series.ts';
import { steady } from './series/steady.ts';
import { markdown } from './table.ts';
import type { Row } from './table.ts';
import { upload } from './series/upload.ts';

const ALL: readonly Series[] = [
  steady,
  connect,
  killed,
  stopped,
  history,
  commits,
  queue,
  file,
  files,
  overload,
  engine,
  upload,
  scalingRequest,
];
const NAMES = ALL.map(({ name }) => name);
/** A whole run ends by then, whatever hangs. */
const LIMIT_MS = 12 * 60_000;

interface Options {
  readonly only?: string;
  readonly quick?: true;
  readonly json?: string;
  readonly readme?: true;
}

function chosen(only: string | undefined): readonly Series[] {
  const names = only?.split(',').map((name) => name.trim()) ?? NAMES;
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: choose from ${NAMES.join(', ')}`);
  return ALL.filter(({ name }) => names.includes(name));
}

const failed = (name: string, error: unknown): Row => ({
  what: name,
  measured: 'failed',
  goal: '',
  reached: false,
  note: error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error),
});

/** Rows as they come, so that a run that is cut short shows what it has. */
const rows: Row[] = [];

async function measure(series: readonly Series[], quick: boolean): Promise<void> {
  for (const each of series) {
    process.stderr.write(`${each.name} …\n`);
    rows.push(...(await each.run({ quick }).catch((error: unknown) => [failed(each.name, error)])));
  }
}

const report = (): string => `${markdown(rows)}\n\n${conditions(begunMs, others())}`;

const program = new Command('npm run bench --')
  .option('--only <names>', `some of: ${NAMES.join(',')}`)
  .option('--quick', 'short runs, for trying; the figures are worth little')
  .option('--json <file>', 'write the table as JSON too')
  .option('--readme', 'write the table into README.md')
  .parse();
const { only, quick = false, json, readme } = program.opts<Options>();
const series = chosen(only);
process.on('exit', endAll);
const begunMs = performance.now();
const others = watchOthers();
await withLimit(
  LIMIT_MS,
  () => measure(series, quick),
  () => console.log(report()),
);
console.log(report());
if (json !== undefined) await writeFile(json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
if (readme === true) await intoReadme('bench', report());
process.exit(rows.some(({ reached }) => reached === false) ? 1 : 0);
