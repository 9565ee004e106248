/** `npm run soak -- --minutes 10`: live sessions on a whole installation, and whether what its processes hold grows. */
import { Command, InvalidArgumentError } from 'commander';
import { setTimeout as pause } from 'node:timers/promises';
import type { System } from '../harness/system.ts';
import { watchOthers } from './cpu.ts';
import { withSystem } from './installation.ts';
import { conditions } from './report.ts';
import { Callers } from './soak/callers.ts';
import { growthOf, RULE } from './soak/growth.ts';
import type { Growth } from './soak/growth.ts';
import { leak, memoryOf, REPORTING } from './soak/memory.ts';
import type { Memory } from './soak/memory.ts';
import { table } from './table.ts';

const SEGMENT_MS = 1000;
const SAMPLES = 60;
/** Asking each process for a collection costs it some time: not more often than this. */
const LEAST_APART_MS = 4000;
const PARTS = ['gateway', 'orchestrator', 'workers'] as const;

const SETTINGS = {
  ...REPORTING,
  LONGHAND_SLOTS: '200',
  // A session continues as new about every 20 s, and writes a checkpoint as often.
  LONGHAND_ROTATE_EVENTS: '100',
  LONGHAND_CHECKPOINT_SEGMENTS: '20',
};

interface Options {
  readonly minutes: number;
  readonly sessions: number;
  readonly leak: number;
}

interface Moment {
  readonly atMs: number;
  readonly sessions: number;
  readonly ended: number;
  readonly memory: Memory;
}

const mib = (bytes: number): string => (bytes / (1 << 20)).toFixed(1);

const HEAD = [
  'min',
  'live',
  'ended',
  ...PARTS.map((part) => `${part} heap / RSS`),
  'Temporal RSS',
  'heap / RSS per live session',
];

/** A line of the table, in MiB. */
function cells({ atMs, sessions, ended, memory }: Moment): string[] {
  const parts = PARTS.map((part) => memory[part]);
  const all = (of: 'heapBytes' | 'rssBytes') => parts.reduce((sum, held) => sum + held[of], 0) / Math.max(1, sessions);
  return [
    (atMs / 60_000).toFixed(1),
    String(sessions),
    String(ended),
    ...parts.map(({ heapBytes, rssBytes }) => `${mib(heapBytes)} / ${mib(rssBytes)}`),
    mib(memory.temporalRssBytes),
    `${mib(all('heapBytes'))} / ${mib(all('rssBytes'))}`,
  ];
}

async function watch(system: System, callers: Callers, { minutes }: Options): Promise<Moment[]> {
  const moments: Moment[] = [];
  const begunMs = performance.now();
  const apartMs = Math.max(LEAST_APART_MS, (minutes * 60_000) / SAMPLES);
  for (let atMs = 0; atMs <= minutes * 60_000; atMs = performance.now() - begunMs) {
    const memory = await memoryOf(system);
    moments.push({ atMs, sessions: callers.live, ended: callers.ended, memory });
    process.stderr.write(`${(atMs / 60_000).toFixed(1)} min: ${callers.live} live, ${callers.ended} ended\n`);
    await pause(Math.max(0, begunMs + moments.length * apartMs - performance.now()));
  }
  return moments;
}

async function soak(system: System, options: Options): Promise<{ moments: Moment[]; callers: Callers }> {
  if (options.leak > 0) await leak(system.gateway, options.leak * 1024);
  const callers = new Callers(system, SEGMENT_MS);
  await callers.begin(options.sessions);
  const moments = await watch(system, callers, options);
  await callers.end();
  return { moments, callers };
}

function verdicts(moments: readonly Moment[]): (readonly [part: string, growth: Growth])[] {
  return PARTS.map((part) => {
    const samples = moments.map(({ atMs, sessions, memory }) => ({ atMs, sessions, bytes: memory[part].heapBytes }));
    return [part, growthOf(samples)];
  });
}

function verdictCells([part, growth]: readonly [string, Growth]): string[] {
  const { fromBytes, toBytes, perSessionHour, noiseBytes, grows } = growth;
  return [part, mib(fromBytes), mib(toBytes), mib(perSessionHour), mib(noiseBytes), grows ? '**yes**' : 'no'];
}

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('a number above 0');
  return value;
};

const program = new Command('npm run soak --')
  .option(
    '--minutes <number>',
    'how long; what fills while the processes warm up counts as growth below 5',
    positive,
    10,
  )
  .option('--sessions <number>', 'live sessions at a time', positive, 24)
  .option('--leak <KiB>', 'the gateway keeps so much more each second: shows that the soak fails', positive, 0)
  .parse();
const options = program.opts<Options>();
const begunMs = performance.now();
const others = watchOthers();

const models = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };
const { moments, callers } = await withSystem({ models, workers: 2, settings: SETTINGS }, (system) =>
  soak(system, options),
);
const found = verdicts(moments);
const shownEvery = Math.ceil(moments.length / 12);
const shown = moments.filter((_moment, i) => i % shownEvery === 0 || i === moments.length - 1);
const { lost, repeated } = callers.losses;
console.log(`MiB; heap is what is left after a collection.\n\n${table(HEAD, shown.map(cells))}\n`);
console.log(table(['heap of', 'from', 'to', 'per session-hour', 'noise', 'grows'], found.map(verdictCells)));
console.log(
  `\n${RULE}.\n${callers.ended} calls ended: ${lost} words lost, ${repeated} repeated. ${conditions(begunMs, others())}`,
);
process.exit(found.some(([, { grows }]) => grows) || lost + repeated > 0 ? 1 : 0);
