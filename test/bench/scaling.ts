/**
 * `npx node test/bench/scaling.ts`: plays the scaler's scenarios against the baselines and prints the table; `--write` puts it
 * into docs/scaling.md. `--json` answers each day of one who contends: what the tests of the goals read.
 */
import { Command } from 'commander';
import { readFile, writeFile } from 'node:fs/promises';
import { CONTENDERS, median, outcomes, SCENARIOS } from '../workflows/pool/simulation/scenarios.ts';
import type { Outcome, Scenario } from '../workflows/pool/simulation/scenarios.ts';
import { table } from './table.ts';

const DOCUMENT = new URL('../../docs/scaling.md', import.meta.url);
const [START, END] = ['<!-- scaling:start -->', '<!-- scaling:end -->'];

const { seeds, write, json } = new Command('scaling')
  .option('--seeds <n>', 'days for each figure, from seed 1 on', '10')
  .option('--json <who>', `each day's figures of one of: ${Object.keys(CONTENDERS).join(', ')}`)
  .option('--write', 'write the table into docs/scaling.md')
  .parse()
  .opts<{ readonly seeds: string; readonly write?: true; readonly json?: string }>();
const SEEDS = Array.from({ length: Number(seeds) }, (_, n) => n + 1);

function row({ name, goal }: Scenario, contender: string, days: readonly Outcome[]): string[] {
  const middle = (value: (day: Outcome) => number): number => median(days.map(value));
  const hours = middle(({ hoursRatio }) => hoursRatio);
  const waited = middle(({ shareWaited }) => shareWaited);
  const worst = Math.max(...days.map(({ shareWaited }) => shareWaited));
  const isPolicy = contender === 'the policy';
  const p99 = goal.p99Seconds === undefined ? '' : `, p99 ≤ ${goal.p99Seconds} s`;
  return [
    isPolicy ? name : '',
    contender,
    middle(({ workerHours }) => workerHours).toFixed(0),
    `${hours.toFixed(3)} x`,
    `${(100 * waited).toFixed(2)} %`,
    `${(100 * worst).toFixed(2)} %`,
    `${middle(({ p99Seconds }) => p99Seconds).toFixed(1)} s`,
    String(days.reduce((sum, { cut }) => sum + cut, 0)),
    isPolicy ? `≤ ${goal.hoursRatio} x, ≤ ${+(100 * goal.shareWaited).toFixed(2)} %${p99}` : '',
  ];
}

if (json !== undefined) {
  const all = SCENARIOS.map((scenario) => [scenario.name, outcomes(scenario, json, SEEDS)]);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(all))}\n`);
  process.exit(0);
}

const rows: string[][] = [];
for (const scenario of SCENARIOS) {
  for (const contender of Object.keys(CONTENDERS)) {
    process.stderr.write(`${scenario.name}: ${contender} …\n`);
    rows.push(row(scenario, contender, outcomes(scenario, contender, SEEDS)));
  }
}
const head = ['day', 'who decides', 'worker-hours', 'of the table', 'waited > 2 s', 'worst day', 'p99', 'cut', 'goal'];
const report = `${table(head, rows)}\n\nMedians of ${SEEDS.length} days (seeds 1 to ${SEEDS.length}), the same for all; \`npx node test/bench/scaling.ts\`.`;
console.log(report);
if (write === true) {
  const text = await readFile(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(START), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`docs/scaling.md has no ${START} … ${END}`);
  await writeFile(DOCUMENT, `${text.slice(0, from)}${START}\n\n${report}\n\n${text.slice(to)}`);
}
