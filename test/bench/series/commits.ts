/** How long a final takes to be accepted with 200 live sessions, each with a final every 4 s. */
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, SEGMENT_MS, withSystem } from '../installation.ts';
import type { LoadResult } from '../load.ts';
import { startLoad } from '../processes.ts';
import { medianWithRange, percentile } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Series } from './series.ts';

const SESSIONS = 200;
const GOAL_MS = 60;
const RUNS = 2;

type Run = Pick<LoadResult, 'finals' | 'connectMs'> & { readonly others: number };

export const commits: Series = {
  name: 'commits',
  run: ({ quick }) =>
    withSystem({}, async (system) => {
      const runs: Run[] = [];
      for (let i = 0; i < (quick ? 1 : RUNS); i += 1) {
        await quiet();
        const others = watchOthers();
        const said = await startLoad(null, {
          url: liveUrl(system),
          sessions: SESSIONS,
          spreadMs: SEGMENT_MS,
          warmUpMs: SEGMENT_MS,
          measureMs: quick ? 5000 : 15_000,
        });
        runs.push({ ...said, others: others() });
      }
      return rows(runs);
    }),
};

function rows(runs: readonly Run[]): Row[] {
  const of = (p: number) => runs.map(({ finals }) => percentile(finals, p));
  const all = runs.flatMap(({ finals }) => finals);
  const p95 = percentile(all, 95);
  return [
    {
      what: `commit of a final, ${SESSIONS} live sessions, p95`,
      measured: `${medianWithRange(of(95))} ms; p50 ${medianWithRange(of(50))}, p99 ${medianWithRange(of(99))}`,
      goal: `≤ ${GOAL_MS} ms`,
      reached: p95 <= GOAL_MS,
      note: `${all.length} finals in ${runs.length} runs; ${othersNote(Math.max(...runs.map(({ others }) => others)))}`,
    },
    {
      what: 'sessions opened per second, four at a time',
      measured: medianWithRange(runs.map(({ connectMs }) => (SESSIONS / connectMs) * 1000)),
      goal: '',
      reached: null,
      note: 'embedded Temporal, every transaction synced to disk',
    },
  ];
}
