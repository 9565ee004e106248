/** A chunk handed to the socket → its partial parsed, at 100 sessions, beside a bare relay in the same run. */
import type { System } from '../../harness/system.ts';
import { cpuMs, NOISY_CORES, othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, SEGMENT_MS, withSystem } from '../installation.ts';
import { OTHER_CORE, pin, pinningNote, SERVER_CORE, standBack, startLoad, startServer } from '../processes.ts';
import { median, medianWithRange, percentile } from '../statistics.ts';
import type { Row } from '../table.ts';
import type { Pace, Series } from './series.ts';

const SESSIONS = 100;
const WANTED = 3;
const AT_MOST = 5;
/** No further pair is begun after this, on however busy a machine. */
const LIMIT_MS = 150_000;
const GOAL_TIMES = 2;

interface Side {
  readonly url: string;
  readonly serverPid: number;
  readonly spreadMs: number;
}

interface Measured {
  readonly partials: number[];
  readonly unanswered: number;
  /** Processor seconds of the server per minute of one session. */
  readonly cpuPerMinute: number;
  readonly others: number;
}

interface Pair {
  readonly product: Measured;
  readonly relay: Measured;
}

async function measure({ url, serverPid, spreadMs }: Side, pace: Pace): Promise<Measured> {
  await quiet();
  const others = watchOthers();
  const before = cpuMs(serverPid);
  const measureMs = pace.quick ? 4000 : 12_000;
  const warmUpMs = pace.quick ? 1000 : 3000;
  const said = await startLoad(OTHER_CORE, { url, sessions: SESSIONS, spreadMs, warmUpMs, measureMs });
  // Each caller spoke while the others began, warmed up and were measured; opening and ending are paid for too.
  const spokenMs = spreadMs / 2 + warmUpMs + measureMs;
  const cpuPerMinute = ((cpuMs(serverPid) - before) / spokenMs / SESSIONS) * 60;
  return { partials: said.partials, unanswered: said.unanswered, cpuPerMinute, others: others() };
}

const noise = ({ product, relay }: Pair): number => Math.max(product.others, relay.others);

/** Product and relay in turns, until there are enough quiet pairs; the quietest are used. */
async function pairs(product: Side, relay: Side, pace: Pace): Promise<Pair[]> {
  const found: Pair[] = [];
  const wanted = pace.quick ? 1 : WANTED;
  const untilMs = performance.now() + LIMIT_MS;
  const isEnough = () =>
    found.filter((pair) => noise(pair) <= NOISY_CORES).length >= wanted ||
    (found.length > 0 && performance.now() > untilMs);
  for (let i = 0; i < (pace.quick ? 1 : AT_MOST) && !isEnough(); i += 1) {
    found.push({ product: await measure(product, pace), relay: await measure(relay, pace) });
  }
  return found.sort((a, b) => noise(a) - noise(b)).slice(0, wanted);
}

async function relaySide(): Promise<Side> {
  const { url: engine } = await startServer('./stand-in.ts', OTHER_CORE, {});
  const { url, pid } = await startServer('./relay.ts', SERVER_CORE, { engine });
  return { url, serverPid: pid, spreadMs: 1000 };
}

function productSide(system: System): Side {
  pin(system.gateway.pid, SERVER_CORE);
  for (const { pid } of [system.orchestrator, system.temporal.process]) {
    pin(pid, SERVER_CORE);
    standBack(pid);
  }
  for (const { pid } of system.workers) pin(pid, OTHER_CORE);
  return { url: liveUrl(system), serverPid: system.gateway.pid, spreadMs: SEGMENT_MS };
}

function rows(used: readonly Pair[]): Row[] {
  const note = `${used.length} interleaved runs, ${pinningNote()}, Temporal and orchestrator on the server's at low priority; ${othersNote(Math.max(...used.map(noise)))}`;
  const latency = (p: number): Row => {
    const of = (side: keyof Pair) => used.map((pair) => percentile(pair[side].partials, p));
    const times = median(of('product')) / median(of('relay'));
    const hasGoal = p < 99;
    return {
      what: `chunk → partial at ${SESSIONS} sessions, p${p}`,
      measured: `${times.toFixed(2)} x: ${medianWithRange(of('product'))} ms; relay ${medianWithRange(of('relay'))} ms`,
      goal: hasGoal ? `≤ ${GOAL_TIMES} x the relay` : '',
      reached: hasGoal ? times <= GOAL_TIMES : null,
      note,
    };
  };
  const cpu = (side: keyof Pair) => medianWithRange(used.map((pair) => pair[side].cpuPerMinute));
  const lost = used.reduce((sum, { product }) => sum + product.unanswered, 0);
  return [
    ...[50, 95, 99].map(latency),
    {
      what: 'processor time of the gateway per session-minute',
      measured: `${cpu('product')} s; relay ${cpu('relay')} s`,
      goal: '',
      reached: null,
      note: 'opening and ending included; the product stores the audio',
    },
    { what: 'chunks without a partial', measured: String(lost), goal: '0', reached: lost === 0, note: '' },
  ];
}

export const steady: Series = {
  name: 'steady',
  run: async (pace) => {
    const relay = await relaySide();
    return withSystem({}, async (system) => rows(await pairs(productSide(system), relay, pace)));
  },
};
