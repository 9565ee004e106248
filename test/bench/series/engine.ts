/** The real engine: how many calls one core follows in real time, and how soon after a sentence its final comes. */
import { availableParallelism } from 'node:os';
import { readAllSpeech } from '../../speech/speech.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { OTHER_CORE, pin, SERVER_CORE, startSpeech } from '../processes.ts';
import type { SpeechOptions, SpeechResult } from '../speech-load.ts';
import { shown, summaryOf } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Series } from './series.ts';
import type { System } from '../../harness/system.ts';

/** Callers keep up while finals come so soon after the speech: 500 ms of silence tell its end. */
const KEEPS_UP_MS = 1000;
const STEPS = [4, 8, 12, 16, 20, 24, 32];
const PAUSE_MS = 1500;

interface Step extends SpeechResult {
  readonly sessions: number;
  readonly others: number;
}

async function step(system: System, sessions: number, measureMs: number): Promise<Step> {
  await quiet();
  const others = watchOthers();
  const options: SpeechOptions = { url: liveUrl(system), sessions, warmUpMs: 4000, measureMs, pauseMs: PAUSE_MS };
  const said = await startSpeech(SERVER_CORE, options);
  return { ...said, sessions, others: others() };
}

const keepsUp = ({ finals, moves }: Step): boolean => moves === 0 && summaryOf(finals).p95 <= KEEPS_UP_MS;

/** Steps up until the callers are too many; a step between narrows it down. */
async function climb(system: System, quick: boolean): Promise<Step[]> {
  const steps = [await step(system, 1, quick ? 15_000 : 30_000)];
  for (const sessions of quick ? STEPS.slice(0, 1) : STEPS) {
    const next = await step(system, sessions, 15_000);
    steps.push(next);
    if (!keepsUp(next)) break;
  }
  return steps;
}

function rows(steps: readonly Step[]): Row[] {
  const most = steps.filter(keepsUp).at(-1);
  const beyond = steps.find((each) => !keepsUp(each));
  const say = ({ sessions, finals, partials, others }: Step): Row => {
    const [final, partial] = [summaryOf(finals), summaryOf(partials)];
    return {
      what: `Moonshine, ${sessions} session${sessions === 1 ? '' : 's'}: final after the end of speech, p50/p95`,
      measured: `${shown(final.p50)} / ${shown(final.p95)} ms; partials ${shown(partial.p50)} / ${shown(partial.p95)} ms`,
      goal: '',
      reached: null,
      note: `${final.n} finals; ${othersNote(others)}`,
    };
  };
  const limit: Row = {
    what: 'Moonshine, sessions in real time per core',
    measured: `${most?.sessions ?? 'none'}${beyond === undefined ? ' or more' : ` (not ${beyond.sessions})`}`,
    goal: '',
    reached: null,
    note: `finals p95 ≤ ${KEEPS_UP_MS} ms after the end of speech; ${availableParallelism() > 1 ? 'worker on one core, the rest on the other' : 'one core for all'}`,
  };
  return [limit, ...steps.map(say)];
}

export const engine: Series = {
  name: 'engine',
  run: async ({ quick }) => {
    await readAllSpeech(PAUSE_MS);
    return withSystem(
      { models: { en: { engine: 'moonshine' } }, settings: { LONGHAND_SLOTS: '64' } },
      async (system) => {
        for (const { pid } of [system.gateway, system.orchestrator, system.temporal.process]) pin(pid, SERVER_CORE);
        for (const { pid } of system.workers) pin(pid, OTHER_CORE);
        return rows(await climb(system, quick));
      },
    );
  },
};
