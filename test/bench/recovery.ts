/** `npm run bench:recovery`: makes every fault on a real installation, again and again, and prints what it cost. */
import { Command, InvalidArgumentError } from 'commander';
import { writeFile } from 'node:fs/promises';
import { watchOthers } from './cpu.ts';
import { faults } from './recovery/faults.ts';
import type { Fault } from './recovery/fault.ts';
import { linesOf } from './recovery/run.ts';
import type { Line } from './recovery/run.ts';
import { conditions, intoReadme, machine, withLimit } from './report.ts';
import { shown } from './statistics.ts';
import { table, verdict } from './table.ts';

const AWAY_MS = 20_000;
const QUICK_AWAY_MS = 5000;
const LIMIT_MS = 20 * 60_000;

interface Options {
  readonly only?: string;
  readonly quick?: true;
  readonly seed: number;
  readonly json?: string;
  readonly readme?: true;
}

const NAMES = faults(AWAY_MS).map(({ name }) => name);

function chosen({ only, quick }: Options): readonly Fault[] {
  const names = only?.split(',').map((name) => name.trim()) ?? NAMES;
  const unknown = names.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: choose from ${NAMES.join(', ')}`);
  return faults(quick === true ? QUICK_AWAY_MS : AWAY_MS).filter(({ name }) => names.includes(name));
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}

const program = new Command('npm run bench:recovery --')
  .option('--only <names>', `some of: ${NAMES.join(',')}`)
  .option('--quick', 'few blows, for trying; the figures are worth little')
  .option('--seed <number>', 'when and where it strikes', wholeNumber, 1)
  .option('--json <file>', 'write the lines as JSON too')
  .option('--readme', 'write the table into README.md')
  .parse();
const options = program.opts<Options>();

const lines: Line[] = [];
const begunMs = performance.now();
const others = watchOthers();

function report(): string {
  const cells = lines.map(({ what, n, times, losses, goal, reached, note }) => [
    what,
    String(n),
    times.map(shown).join(' / '),
    String(losses.lost),
    String(losses.repeated),
    goal,
    verdict(reached),
    note,
  ]);
  const head = ['fault', 'n', 'next partial p50 / p95 / p99, ms', 'words lost', 'words repeated', 'goal', 'reached'];
  const byFault = new Map(lines.map((line) => [line.fault, line]));
  const kills = [...byFault.values()].reduce((sum, line) => sum + line.kills, 0);
  const run = `${kills} processes killed with SIGKILL; seed ${options.seed}; 4 calls at a time; ${conditions(begunMs, others())}`;
  return `${table([...head, 'note'], cells)}\n\n${run}`;
}

await withLimit(
  LIMIT_MS,
  async () => {
    for (const fault of chosen(options)) {
      process.stderr.write(`${fault.name} …\n`);
      lines.push(...(await linesOf(fault, { quick: options.quick === true, seed: options.seed })));
    }
  },
  () => console.log(report()),
);
console.log(report());
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine, lines }, null, 2)}\n`);
if (options.readme === true) await intoReadme('recovery', report());
process.exit(lines.every(({ reached }) => reached) ? 0 : 1);
