/** Gives an orchestrator workers and takes them away, as `npm start` does (workers/start/local-pools.ts). */
import type { ClusterPool, PoolWish } from '../../activities/scaling.ts';
import { isQuestion } from '../../workers/start/local-pools.ts';
import type { Part, System } from './system.ts';

interface Worker {
  readonly name: string;
  readonly askedAtMs: number;
  part: Part | null;
  leaving: boolean;
}

export function giveWorkers(system: System): void {
  const workers: Worker[] = [];
  const add = (): void => {
    const worker: Worker = { name: `w${workers.length}`, askedAtMs: Date.now(), part: null, leaving: false };
    workers.push(worker);
    void system.addWorker().then((part) => (worker.part = part));
  };
  const observe = (): ClusterPool => ({
    standing: workers.filter(({ leaving }) => !leaving).length,
    units: workers.map(({ name, askedAtMs, part, leaving }) => ({
      ...{ name, burst: false, askedAtMs, leaving, host: null },
      pid: part === null || leaving ? 0 : part.pid,
    })),
  });
  const apply = ({ standing, leaving }: PoolWish): null => {
    for (const worker of workers.filter(({ name }) => leaving.includes(name))) {
      if (worker.part === null || worker.leaving) continue;
      worker.leaving = true;
      void worker.part.end('SIGTERM');
    }
    while (workers.filter((worker) => !worker.leaving).length < standing) add();
    return null;
  };
  system.orchestrator.heard = (message, reply) => {
    if (!isQuestion(message)) return;
    const answer = message.ask === 'observe' ? observe() : apply(message.wish as PoolWish);
    reply({ type: 'clusterAnswer', id: message.id, answer, fault: null });
  };
}
