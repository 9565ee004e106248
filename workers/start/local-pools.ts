/** The pools of one machine: each model's workers are child processes, started and ended as the scaler asks. */
import type { ClusterPool, ClusterUnit, PoolWish } from '../../activities/scaling.ts';
import type { ClusterAnswer, ClusterQuestion } from '../../infra/cluster/parent.ts';
import { ManagedProcess } from '../../infra/processes/managed-process.ts';
import type { Service } from './services.ts';

type WorkerProcess = ManagedProcess<Record<string, unknown>>;

interface Worker {
  readonly process: WorkerProcess;
  readonly askedAtMs: number;
  leaving: boolean;
}

export interface LocalPoolsOptions {
  /** How the n-th worker of a model is started; a number is free again once its worker has gone. */
  readonly worker: (model: string, number: number) => Service;
  /** How long a worker that is told to end may take. */
  readonly graceMs: number;
  readonly say: (line: string) => void;
}

export const isQuestion = (message: unknown): message is ClusterQuestion =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'cluster';

export class LocalPools {
  readonly #options: LocalPoolsOptions;
  readonly #pools = new Map<string, Map<number, Worker>>();
  #ending = false;

  constructor(options: LocalPoolsOptions) {
    this.#options = options;
  }

  get processes(): WorkerProcess[] {
    return [...this.#pools.values()].flatMap((pool) => [...pool.values()].map(({ process }) => process));
  }

  /** Starts the first workers of a model; waits until they are ready. @throws ProcessError */
  async begin(model: string, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#add(model)));
  }

  /** Ends all workers; none is started any more. */
  async stop(): Promise<void> {
    this.#ending = true;
    await Promise.all(this.processes.map((process) => process.stop(this.#options.graceMs)));
  }

  /** Answers what the orchestrator asked over its channel. */
  answer({ id, ask, model, wish }: ClusterQuestion): ClusterAnswer {
    try {
      const answer = ask === 'observe' ? this.observe(model) : this.apply(model, wish as PoolWish);
      return { type: 'clusterAnswer', id, answer, fault: null };
    } catch (error) {
      return { type: 'clusterAnswer', id, answer: null, fault: error instanceof Error ? error.message : String(error) };
    }
  }

  observe(model: string): ClusterPool {
    const workers = [...this.#pool(model).values()];
    const units = workers.map(({ process, askedAtMs, leaving }): ClusterUnit => {
      const { name, pid } = process;
      return { name, burst: false, askedAtMs, leaving, host: null, pid: pid ?? 0 };
    });
    return { standing: workers.filter(({ leaving }) => !leaving).length, units };
  }

  /** Asks for so many; answers at once, what was asked for comes by itself. There are no burst workers here: all stand. */
  apply(model: string, { standing, leaving, burst }: PoolWish): null {
    if (this.#ending) throw new Error('npm start ends');
    const pool = this.#pool(model);
    for (const [number, worker] of pool) {
      if (leaving.includes(worker.process.name) && !worker.leaving) void this.#remove(model, number, worker);
    }
    const there = [...pool.values()].filter((worker) => !worker.leaving).length;
    for (let missing = standing + burst - there; missing > 0; missing -= 1) {
      this.#add(model).catch((fault: unknown) => {
        this.#options.say(fault instanceof Error ? fault.message : String(fault));
      });
    }
    return null;
  }

  async #add(model: string): Promise<void> {
    const pool = this.#pool(model);
    let number = 1;
    while (pool.has(number)) number += 1;
    const { spec } = this.#options.worker(model, number);
    const worker: Worker = {
      process: new ManagedProcess(spec, this.#options.say),
      askedAtMs: Date.now(),
      leaving: false,
    };
    pool.set(number, worker);
    try {
      await worker.process.start();
    } catch (error) {
      pool.delete(number);
      throw error;
    }
  }

  async #remove(model: string, number: number, worker: Worker): Promise<void> {
    worker.leaving = true;
    await worker.process.stop(this.#options.graceMs);
    this.#pool(model).delete(number);
  }

  #pool(model: string): Map<number, Worker> {
    const known = this.#pools.get(model) ?? new Map<number, Worker>();
    this.#pools.set(model, known);
    return known;
  }
}
