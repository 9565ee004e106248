/** A day of a pool, played with a virtual clock: sessions come, wait, hold slots; a scaler looks and asks. */
import type { Observation, Workers } from '../observation.ts';
import type { Call } from './day.ts';
import { DAY_MS } from './day.ts';
import { TimeQueue } from './heap.ts';
import { SimulatedPool } from './pool.ts';
import type { SimulatedWorker } from './pool.ts';

/** Who decides: the real `decide` with its state, or anything that it is to be compared with. */
export interface Scaler {
  /** How often it looks. */
  readonly everyMs: number;
  /** It looks at once, too, when a session finds no free slot. */
  readonly looksOnQueued: boolean;
  look(observation: Observation): Workers;
}

export interface World {
  /** Local midnight at which the day begins. */
  readonly fromMs: number;
  /** In order of time, from midnight on. */
  readonly calls: readonly Call[];
  readonly startUpMs: number;
  readonly slotsPerWorker: number;
}

/** What was there over five minutes: means, the chart's points. */
export interface Sample {
  readonly atMs: number;
  readonly workers: number;
  readonly busy: number;
  readonly waiting: number;
}

export interface Played {
  readonly calls: number;
  /** One for each session, in order of arrival; one that still waits at the end has waited until then. */
  readonly waitsMs: readonly number[];
  readonly standingHours: number;
  readonly burstHours: number;
  readonly cut: number;
  readonly samples: readonly Sample[];
}

const HOUR_MS = 3_600_000;
const SAMPLE_MS = 300_000;
/** Looks that a queued session causes are at least so far apart. */
const LOOK_AGAIN_MS = 1000;

type Event =
  | { readonly atMs: number; readonly kind: 'ready'; readonly worker: SimulatedWorker }
  | { readonly atMs: number; readonly kind: 'end'; readonly worker: SimulatedWorker; readonly holdMs: number };

export const play = (world: World, scaler: Scaler): Played => new Playing(world, scaler).run();

class Playing {
  readonly #world: World;
  readonly #scaler: Scaler;
  readonly #pool: SimulatedPool;
  readonly #events = new TimeQueue<Event>();
  readonly #waiting: number[] = [];
  #firstWaiting = 0;
  readonly #waitsMs: number[];
  #atMs = 0;
  #lookedAtMs = -Infinity;
  #since = { arrived: 0, ended: 0, slotMs: 0, startUpsMs: [] as number[] };
  #paid = { standing: 0, burst: 0 };
  #sampled = { workers: 0, busy: 0, waiting: 0 };
  readonly #samples: Sample[] = [];

  constructor(world: World, scaler: Scaler) {
    this.#world = world;
    this.#scaler = scaler;
    this.#pool = new SimulatedPool(world.slotsPerWorker);
    this.#waitsMs = Array<number>(world.calls.length).fill(NaN);
  }

  run(): Played {
    const { calls } = this.#world;
    this.#look();
    // The day before has ended calmly: what is wanted at midnight is there.
    for (let event = this.#events.pop(); event !== undefined; event = this.#events.pop()) this.#happen(event);
    this.#since.startUpsMs = [];
    let next = 0;
    let tickMs = this.#scaler.everyMs;
    let sampleMs = SAMPLE_MS;
    while (this.#atMs < DAY_MS) {
      const callMs = calls[next]?.atMs ?? Infinity;
      const eventMs = this.#events.next?.atMs ?? Infinity;
      const atMs = Math.min(callMs, eventMs, tickMs, sampleMs, DAY_MS);
      this.#pass(atMs);
      if (atMs === sampleMs) {
        this.#sample();
        sampleMs += SAMPLE_MS;
      } else if (atMs === eventMs) this.#happen(this.#events.pop());
      else if (atMs === callMs) this.#arrive(next++);
      else if (atMs === tickMs) {
        this.#look();
        tickMs += this.#scaler.everyMs;
      }
    }
    return this.#result();
  }

  #pass(toMs: number): void {
    const forMs = toMs - this.#atMs;
    const { standing, burst, sessions } = this.#pool.census();
    this.#paid.standing += standing * forMs;
    this.#paid.burst += burst * forMs;
    this.#sampled.workers += (standing + burst) * forMs;
    this.#sampled.busy += sessions * forMs;
    this.#sampled.waiting += this.#queued * forMs;
    this.#atMs = toMs;
  }

  get #queued(): number {
    return this.#waiting.length - this.#firstWaiting;
  }

  #sample(): void {
    const { workers, busy, waiting } = this.#sampled;
    const mean = (sum: number): number => sum / SAMPLE_MS;
    this.#samples.push({
      atMs: this.#atMs - SAMPLE_MS,
      workers: mean(workers),
      busy: mean(busy),
      waiting: mean(waiting),
    });
    this.#sampled = { workers: 0, busy: 0, waiting: 0 };
  }

  #happen(event: Event | undefined): void {
    if (event === undefined) return;
    if (event.kind === 'end') {
      this.#since.ended += 1;
      this.#since.slotMs += event.holdMs;
      this.#pool.release(event.worker);
    } else if (this.#pool.ready(event.worker))
      this.#since.startUpsMs.push(Math.round(event.atMs - event.worker.askedAtMs));
    this.#serve();
  }

  #arrive(call: number): void {
    this.#since.arrived += 1;
    this.#waiting.push(call);
    this.#serve();
    const isTime = this.#atMs - this.#lookedAtMs >= LOOK_AGAIN_MS;
    if (this.#queued > 0 && this.#scaler.looksOnQueued && isTime) this.#look();
  }

  /** First come, first served. */
  #serve(): void {
    while (this.#queued > 0) {
      const worker = this.#pool.take();
      if (worker === null) return;
      const call = this.#waiting[this.#firstWaiting++] ?? 0;
      const { atMs = 0, holdMs = 0 } = this.#world.calls[call] ?? {};
      this.#waitsMs[call] = this.#atMs - atMs;
      this.#events.push({ atMs: this.#atMs + holdMs, kind: 'end', worker, holdMs });
    }
  }

  #look(): void {
    const wanted = this.#scaler.look(this.#observe());
    this.#lookedAtMs = this.#atMs;
    this.#since = { arrived: 0, ended: 0, slotMs: 0, startUpsMs: [] };
    for (const kind of ['standing', 'burst'] as const) {
      for (const worker of this.#pool.resize(kind, wanted[kind], this.#atMs)) {
        this.#events.push({ atMs: this.#atMs + this.#world.startUpMs, kind: 'ready', worker });
      }
    }
  }

  #observe(): Observation {
    const { starting, busy, idle, draining, slotsBusy, slotsIdle } = this.#pool.census();
    const oldest = this.#waiting[this.#firstWaiting];
    const startingSince = this.#pool.oldestStartingSince();
    const { arrived, ended, slotMs, startUpsMs } = this.#since;
    return {
      atMs: this.#world.fromMs + this.#atMs,
      asked: { standing: this.#pool.asked('standing'), burst: this.#pool.asked('burst') },
      workers: { starting, busy, idle, draining },
      slots: { busy: slotsBusy, idle: slotsIdle },
      waiting: {
        sessions: this.#queued,
        oldestMs: oldest === undefined ? 0 : this.#atMs - (this.#world.calls[oldest]?.atMs ?? this.#atMs),
      },
      arrived,
      ended: { sessions: ended, slotMs },
      startUpsMs,
      oldestStartingMs: startingSince === null ? 0 : this.#atMs - startingSince,
    };
  }

  #result(): Played {
    for (let at = this.#firstWaiting; at < this.#waiting.length; at += 1) {
      const call = this.#waiting[at] ?? 0;
      this.#waitsMs[call] = DAY_MS - (this.#world.calls[call]?.atMs ?? DAY_MS);
    }
    return {
      calls: this.#world.calls.length,
      waitsMs: this.#waitsMs,
      standingHours: this.#paid.standing / HOUR_MS,
      burstHours: this.#paid.burst / HOUR_MS,
      cut: this.#pool.cut,
      samples: this.#samples,
    };
  }
}
