/**
 * The workers of a simulated pool. They are asked for, start, hold sessions, and go: those that start first, then idle
 * ones; busy ones drain, they take no new session and go when they are empty.
 */
import type { Workers } from '../observation.ts';

export interface SimulatedWorker {
  readonly kind: keyof Workers;
  readonly askedAtMs: number;
  state: 'starting' | 'ready' | 'draining' | 'gone';
  sessions: number;
}

export class SimulatedPool {
  readonly slotsPerWorker: number;
  /** Sessions whose worker went away under them. */
  cut = 0;
  readonly #workers = new Set<SimulatedWorker>();
  readonly #census = { ...NOBODY };

  constructor(slotsPerWorker: number) {
    this.slotsPerWorker = slotsPerWorker;
  }

  /** Asked for and not on their way out. */
  asked(kind: keyof Workers): number {
    return kind === 'standing' ? this.census().standingAsked : this.census().burstAsked;
  }

  /** A worker has started; answers whether it is still wanted. */
  ready(worker: SimulatedWorker): boolean {
    if (worker.state !== 'starting') return false;
    this.#change(worker, () => (worker.state = 'ready'));
    return true;
  }

  oldestStartingSince(): number | null {
    for (const worker of this.#workers) if (worker.state === 'starting') return worker.askedAtMs;
    return null;
  }

  /** Makes the number of workers of a kind what it is to be; answers those that are new. */
  resize(kind: keyof Workers, to: number, atMs: number): SimulatedWorker[] {
    const missing = to - this.asked(kind);
    if (missing < 0) this.#drop(kind, -missing);
    return Array.from({ length: Math.max(0, missing) }, () => {
      const worker: SimulatedWorker = { kind, askedAtMs: atMs, state: 'starting', sessions: 0 };
      this.#workers.add(worker);
      this.#tally(worker, 1);
      return worker;
    });
  }

  #drop(kind: keyof Workers, howMany: number): void {
    const there = [...this.#workers].filter((worker) => worker.kind === kind && worker.state !== 'draining');
    const readiness = (worker: SimulatedWorker): number => (worker.state === 'starting' ? -1 : worker.sessions);
    // The youngest of those that start, then the emptiest.
    const order = there.reverse().sort((a, b) => readiness(a) - readiness(b));
    for (const worker of order.slice(0, howMany)) {
      if (worker.sessions > 0) this.#change(worker, () => (worker.state = 'draining'));
      else this.#remove(worker);
    }
  }

  #remove(worker: SimulatedWorker): void {
    this.cut += worker.sessions;
    this.#tally(worker, -1);
    worker.state = 'gone';
    this.#workers.delete(worker);
  }

  /** Gives a session to the fullest worker that has a free slot, so that others become empty; null where none has. */
  take(): SimulatedWorker | null {
    if (this.#census.slotsIdle === 0) return null;
    let best: SimulatedWorker | null = null;
    for (const worker of this.#workers) {
      if (worker.state !== 'ready' || worker.sessions >= this.#slotsOf(worker)) continue;
      if (best === null || worker.sessions > best.sessions) best = worker;
    }
    const taken = best;
    if (taken !== null) this.#change(taken, () => (taken.sessions += 1));
    return taken;
  }

  #slotsOf({ kind }: SimulatedWorker): number {
    return kind === 'burst' ? 1 : this.slotsPerWorker;
  }

  release(worker: SimulatedWorker): void {
    this.#change(worker, () => (worker.sessions -= 1));
    const ends = worker.kind === 'burst' || worker.state === 'draining';
    if (ends && worker.sessions === 0) this.#remove(worker);
  }

  /** Workers by what they do, and slots. */
  census(): Census {
    return this.#census;
  }

  #change(worker: SimulatedWorker, change: () => void): void {
    this.#tally(worker, -1);
    change();
    this.#tally(worker, 1);
  }

  #tally(worker: SimulatedWorker, by: 1 | -1): void {
    const census = this.#census;
    census[worker.kind] += by;
    if (worker.state !== 'draining') census[ASKED[worker.kind]] += by;
    census.sessions += by * worker.sessions;
    if (worker.state === 'starting') census.starting += by;
    else if (worker.state === 'draining') census.draining += by;
    else {
      census[worker.sessions > 0 ? 'busy' : 'idle'] += by;
      census.slotsBusy += by * worker.sessions;
      census.slotsIdle += by * (this.#slotsOf(worker) - worker.sessions);
    }
  }
}

const NOBODY = {
  /** All that are paid. */
  standing: 0,
  burst: 0,
  /** Those that do not drain. */
  standingAsked: 0,
  burstAsked: 0,
  starting: 0,
  busy: 0,
  idle: 0,
  draining: 0,
  /** Of all workers. */
  sessions: 0,
  /** Of those that are ready and do not drain. */
  slotsBusy: 0,
  slotsIdle: 0,
};

type Census = Readonly<typeof NOBODY>;

const ASKED = { standing: 'standingAsked', burst: 'burstAsked' } as const;
