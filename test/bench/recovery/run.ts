/** A fault, blow after blow, on an installation of its own with calls on it; and the lines of the table that come of it. */
import { setTimeout as pause } from 'node:timers/promises';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { withSystem } from '../installation.ts';
import { percentile, shown } from '../statistics.ts';
import type { System } from '../../harness/system.ts';
import type { Blow, Fault, Figure, Scene, Stage } from './fault.ts';
import { NO_LOSSES, sumOf } from './losses.ts';
import type { Losses } from './losses.ts';
import { seeded } from './random.ts';
import { Talk } from './talk.ts';

const TALKS = 4;
/** A final each second: a blow finds some call near its end. */
const SEGMENT_MS = 1000;
/** Calls go on undisturbed for so long before the next blow. */
const CALM_MS = [300, 1000] as const;

export interface Line {
  readonly fault: string;
  readonly what: string;
  /** Blows. */
  readonly n: number;
  /** Processes ended with SIGKILL. */
  readonly kills: number;
  /** Milliseconds: p50, p95, p99. */
  readonly times: readonly number[];
  readonly losses: Losses;
  readonly goal: string;
  readonly reached: boolean;
  readonly note: string;
}

export interface Pace {
  readonly quick: boolean;
  readonly seed: number;
}

interface Outcome {
  readonly blows: readonly Blow[];
  readonly losses: Losses;
  readonly others: number;
  readonly fault: string | null;
}

/** The texts of the stored transcript. */
async function keptTexts(system: System, session: string): Promise<string[]> {
  const { segments } = (await system.json(`/v1/sessions/${session}/transcript`)) as { segments: { text: string }[] };
  return segments.map(({ text }) => text);
}

/** Blows until there are enough; one that fails ends them, and is told. */
async function strikeAll(stage: Stage, scene: Scene, count: number, blows: Blow[]): Promise<string | null> {
  try {
    for (let i = 0; i < count; i += 1) {
      await pause(scene.random.between(...CALM_MS));
      blows.push(await stage.strike(scene));
    }
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function blowsOn(system: System, fault: Fault, { quick, seed }: Pace): Promise<Outcome> {
  const stage = await fault.prepare(system);
  await quiet(5000);
  const others = watchOthers();
  const names = Array.from({ length: TALKS }, (_, i) => `${fault.name}-${seed}-${i}`);
  const talks = await Promise.all(names.map((name) => new Talk(stage.url, name).begin()));
  const blows: Blow[] = [];
  const scene = { system, talks, random: seeded(seed) };
  const failure = await strikeAll(stage, scene, quick ? fault.quickCount : fault.count, blows);
  const noise = others();
  await Promise.all(talks.map((talk) => talk.end()));
  const losses = await Promise.all(
    talks.map(async (talk) => talk.losses(await keptTexts(system, talk.session), SEGMENT_MS)),
  );
  stage.close();
  return { blows, losses: sumOf(losses), others: noise, fault: failure };
}

const isWhole = ({ losses, fault }: Outcome): boolean => losses.lost === 0 && losses.repeated === 0 && fault === null;

function lineOf(fault: Fault, name: string, figure: Figure, outcome: Outcome): Line {
  const { blows, losses, others } = outcome;
  const values = blows.flatMap((blow) => blow[name] ?? []);
  const { goal } = figure;
  const inTime = goal === null || percentile(values, goal.p) <= goal.atMostMs;
  const wanted = goal === null ? '' : `${goal.p === 100 ? 'always' : `p${goal.p}`} ≤ ${goal.atMostMs} ms; `;
  const measured = values.length === blows.length ? '' : `${values.length} measured; `;
  return {
    fault: fault.name,
    what: figure.what,
    n: blows.length,
    kills: fault.kills ? blows.length : 0,
    times: [50, 95, 99].map((p) => percentile(values, p)),
    losses,
    goal: `${wanted}0 lost, 0 repeated`,
    reached: inTime && isWhole(outcome),
    note: `${measured}max ${shown(percentile(values, 100))} ms; ${othersNote(others)}${outcome.fault === null ? '' : `; ${outcome.fault}`}`,
  };
}

/** Lives through a fault as often as the pace says; one line for each of its figures. */
export async function linesOf(fault: Fault, pace: Pace): Promise<Line[]> {
  const models = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };
  // One worker may be gone and another one hang: the third has room for all.
  const options = { models, workers: 3, settings: { LONGHAND_SLOTS: '8' } };
  const outcome = await withSystem(options, (system) => blowsOn(system, fault, pace)).catch(
    (error: unknown): Outcome => ({ blows: [], losses: NO_LOSSES, others: 0, fault: String(error) }),
  );
  return Object.entries(fault.figures).map(([name, figure]) => lineOf(fault, name, figure, outcome));
}
