/** A worker is killed, or stops answering: how soon the next partial comes from another one. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerMessage } from '../../../gateway/protocol.ts';
import type { System } from '../../harness/system.ts';
import { othersNote, quiet, watchOthers } from '../cpu.ts';
import { liveUrl, withSystem } from '../installation.ts';
import { CHUNK_BYTES, heardByte, Speaker } from '../speaker.ts';
import { shown, summaryOf } from '../statistics.ts';
import type { Summary } from '../statistics.ts';
import type { Series } from './series.ts';

/** The sentence goes on for so long before the next blow. */
const CALM_MS = 1200;
const LIMIT_MS = 30_000;

/** Hears of new audio only: a partial that repeats what was heard before the blow does not count. */
class Watcher {
  #heardTo = 0;
  #wanted: { readonly byte: number; started: boolean; readonly resolve: (atMs: number) => void } | null = null;

  note(message: ServerMessage, atMs: number): void {
    const wanted = this.#wanted;
    if (message.type === 'started' && wanted !== null) wanted.started = true;
    if (message.type !== 'partial') return;
    this.#heardTo = Math.max(this.#heardTo, heardByte(message));
    if (wanted?.started === true && heardByte(message) > wanted.byte) wanted.resolve(atMs);
  }

  /** When another worker gives the first partial for audio that was not heard yet. */
  next(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#wanted = { byte: this.#heardTo, started: false, resolve };
    const limit = setTimeout(() => reject(new Error(`no partial within ${LIMIT_MS} ms`)), LIMIT_MS);
    return promise.finally(() => clearTimeout(limit));
  }
}

async function blows(system: System, signal: 'SIGKILL' | 'SIGSTOP', count: number): Promise<number[]> {
  const watcher = new Watcher();
  const session = `blows-${signal}`;
  const speaker = new Speaker({
    url: `${liveUrl(system)}?session=${session}`,
    audio: Buffer.alloc(CHUNK_BYTES, 'a long call'),
    heard: (message, atMs) => watcher.note(message, atMs),
  });
  await speaker.ready;
  speaker.speak();
  const tookMs: number[] = [];
  for (let i = 0; i < count; i += 1) {
    await pause(CALM_MS);
    const worker = await system.workerOf(session);
    const next = watcher.next();
    const struckMs = performance.now();
    worker.signal(signal);
    tookMs.push((await next) - struckMs);
    await worker.kill();
    system.workers.splice(system.workers.indexOf(worker), 1);
    await system.addWorker();
  }
  await speaker.end();
  return tookMs;
}

interface Blow {
  readonly name: string;
  readonly what: string;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly count: number;
  readonly goalMs: number;
  readonly figure: 'p95' | 'max';
}

const series = ({ name, what, signal, count, goalMs, figure }: Blow): Series => ({
  name,
  run: ({ quick }) =>
    withSystem({ workers: 2, settings: { LONGHAND_SLOTS: '8' } }, async (system) => {
      await quiet();
      const others = watchOthers();
      const summary: Summary = summaryOf(await blows(system, signal, quick ? 3 : count));
      return [
        {
          what: `${what} → next partial, ${figure}`,
          measured: `${shown(summary[figure])} ms; p50 ${shown(summary.p50)}, max ${shown(summary.max)}`,
          goal: `≤ ${goalMs} ms`,
          reached: summary[figure] <= goalMs,
          note: `${summary.n} times, a spare worker stands by; ${othersNote(others())}`,
        },
      ];
    }),
});

export const killed = series({
  name: 'killed',
  what: 'worker killed',
  signal: 'SIGKILL',
  count: 20,
  goalMs: 1000,
  figure: 'p95',
});

export const stopped = series({
  name: 'stopped',
  what: 'worker stopped',
  signal: 'SIGSTOP',
  count: 10,
  goalMs: 2500,
  figure: 'max',
});
