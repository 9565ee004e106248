/** How much memory the processes of an installation hold. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Part, System } from '../../harness/system.ts';

export interface Held {
  /** After a collection, all threads of a process together. */
  readonly heapBytes: number;
  readonly rssBytes: number;
}

/** Memory by part; the workers together. */
export interface Memory {
  readonly gateway: Held;
  readonly orchestrator: Held;
  readonly workers: Held;
  readonly temporalRssBytes: number;
}

/** Environment of processes that can be asked. */
export const REPORTING = {
  NODE_OPTIONS: `--import ${pathToFileURL(new URL('./memory-reporter.ts', import.meta.url).pathname).href}`,
};

const ask = async (part: Part): Promise<Held> => (await part.ask({ type: 'memory' })) as Held;

/** From now on the process keeps so much more each second: a fault that the soak must find. */
export const leak = (part: Part, bytesPerS: number): Promise<unknown> => part.ask({ type: 'leak', bytesPerS });

/** proc(5), /proc/PID/status. */
function rssBytes(pid: number | null): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid ?? 'self'}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

const sum = (all: readonly Held[]): Held => ({
  heapBytes: all.reduce((bytes, held) => bytes + held.heapBytes, 0),
  rssBytes: all.reduce((bytes, held) => bytes + held.rssBytes, 0),
});

export async function memoryOf(system: System): Promise<Memory> {
  const [gateway, orchestrator, ...workers] = await Promise.all(
    [system.gateway, system.orchestrator, ...system.workers].map(ask),
  );
  if (gateway === undefined || orchestrator === undefined) throw new Error('no answer');
  return { gateway, orchestrator, workers: sum(workers), temporalRssBytes: rssBytes(system.temporal.process.pid) };
}
