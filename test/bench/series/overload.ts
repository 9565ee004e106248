/** Five times as many callers as there are slots: what those who are admitted notice of it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerMessage } from '../../../gateway/protocol.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, SEGMENT_MS, withSystem } from '../installation.ts';
import { startLoad } from '../processes.ts';
import { CHUNK_BYTES, Speaker } from '../speaker.ts';
import { medianWithRange, median, percentile } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Pace, Series } from './series.ts';

const SLOTS = 20;
/** So many may wait; the others are refused, and come again as they are told. */
const QUEUE = 60;
const OUTSIDE = 100;
const COME_AGAIN_MS = 1000;
/** The admitted ones are connected, and the others have come, before anything is measured. */
const WARM_UP_MS = 8000;
const ADMITTED_AFTER_MS = 3000;
const PAIRS = 3;
const GOAL_TIMES = 1.5;
const AUDIO = Buffer.alloc(CHUNK_BYTES, 'audio of one who waits');

interface Measured {
  readonly partials: readonly number[];
  readonly unanswered: number;
}

class Crowd {
  readonly #url: string;
  readonly #over = new AbortController();
  readonly #lanes: Promise<void>[] = [];
  refused = 0;
  #waiting = 0;
  /** The most that waited at a time. */
  waited = 0;

  constructor(url: string) {
    this.#url = url;
  }

  come(round: number): void {
    for (let i = 0; i < OUTSIDE; i += 1) this.#lanes.push(this.#lane(`outside-${round}-${i}`));
  }

  async leave(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#lanes);
  }

  /** Tries until it may wait; then speaks, and is stored, until all leave. */
  async #lane(session: string): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const heard = ({ type }: ServerMessage): void => {
        if (type === 'started') this.#waiting -= 1;
      };
      const speaker = new Speaker({ url: `${this.#url}?session=${session}`, audio: AUDIO, heard });
      const admitted = await speaker.ready.then(
        () => true,
        () => false,
      );
      if (admitted) {
        this.#waiting += 1;
        this.waited = Math.max(this.waited, this.#waiting);
        speaker.speak();
        await over(signal, 2 ** 31 - 1);
        await speaker.end().catch(() => undefined);
        return;
      }
      this.refused += 1;
      await over(signal, COME_AGAIN_MS);
    }
  }
}

const over = (signal: AbortSignal, ms: number): Promise<unknown> =>
  pause(ms, undefined, { signal }).catch(() => undefined);

const load = (url: string, measureMs: number): Promise<Measured> =>
  startLoad(null, { url, sessions: SLOTS, spreadMs: 1000, warmUpMs: WARM_UP_MS, measureMs });

async function pair(url: string, round: number, measureMs: number) {
  await quiet();
  const alone = await load(url, measureMs);
  await quiet();
  const measuring = load(url, measureMs);
  await pause(ADMITTED_AFTER_MS);
  const crowd = new Crowd(url);
  crowd.come(round);
  const crowded = await measuring;
  const { waited, refused } = crowd;
  await crowd.leave();
  return { alone, crowded, waited, refused };
}

async function measure(url: string, { quick }: Pace): Promise<Row[]> {
  const others = watchOthers();
  const all: Awaited<ReturnType<typeof pair>>[] = [];
  for (let round = 0; round < (quick ? 1 : PAIRS); round += 1) all.push(await pair(url, round, quick ? 4000 : 10_000));
  const note = `${SLOTS} slots; ${all.map(({ waited, refused }) => `${waited} waiting, ${refused} refusals`).join('; ')}; callers on the same two cores; ${othersNote(others())}`;
  const latency = (p: number): Row => {
    const of = (side: 'alone' | 'crowded') => all.map((each) => percentile(each[side].partials, p));
    const times = median(of('crowded')) / median(of('alone'));
    return {
      what: `overload x${(OUTSIDE + SLOTS) / SLOTS}: chunk → partial of the admitted, p${p}`,
      measured: `${times.toFixed(2)} x: ${medianWithRange(of('crowded'))} ms; alone ${medianWithRange(of('alone'))} ms`,
      goal: p === 50 ? `≤ ${GOAL_TIMES} x` : '',
      reached: p === 50 ? times <= GOAL_TIMES : null,
      note: p === 50 ? note : '',
    };
  };
  const lost = all.reduce((sum, { crowded }) => sum + crowded.unanswered, 0);
  return [
    ...[50, 95].map(latency),
    { what: 'overload: chunks without a partial', measured: String(lost), goal: '0', reached: lost === 0, note: '' },
  ];
}

export const overload: Series = {
  name: 'overload',
  run: (pace) =>
    withSystem(
      {
        models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
        settings: { LONGHAND_SLOTS: String(SLOTS), LONGHAND_MAX_QUEUE: String(QUEUE) },
      },
      (system) => measure(liveUrl(system), pace),
    ),
};
