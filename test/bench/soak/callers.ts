/** Callers side by side: half of them stay, the others end after a while and new ones come in their place. */
import { setTimeout as pause } from 'node:timers/promises';
import type { System } from '../../harness/system.ts';
import { NO_LOSSES, sumOf } from '../recovery/losses.ts';
import type { Losses } from '../recovery/losses.ts';
import { seeded } from '../recovery/random.ts';
import { Talk } from '../recovery/talk.ts';

/** A caller of those who come and go speaks for so long. */
const VISIT_MS = [10_000, 40_000] as const;
const APART_MS = 100;

export class Callers {
  readonly #url: string;
  readonly #system: System;
  readonly #segmentMs: number;
  readonly #lanes: Promise<void>[] = [];
  readonly #stop = new AbortController();
  #live = 0;
  #ended = 0;
  #losses: Losses = NO_LOSSES;

  /** @param segmentMs what the scripted engine is set to. */
  constructor(system: System, segmentMs: number) {
    this.#system = system;
    this.#url = system.url;
    this.#segmentMs = segmentMs;
  }

  get live(): number {
    return this.#live;
  }

  get ended(): number {
    return this.#ended;
  }

  /** Of the calls that have ended. */
  get losses(): Losses {
    return this.#losses;
  }

  async begin(count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      const lane = this.#lane(i, i % 2 === 0);
      lane.catch(() => undefined);
      this.#lanes.push(lane);
      await pause(APART_MS);
    }
  }

  /** All hang up; rejects with the first fault of a call. */
  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#lanes);
  }

  async #lane(lane: number, stays: boolean): Promise<void> {
    const random = seeded(lane);
    for (let visit = 0; !this.#stop.signal.aborted; visit += 1) {
      await this.#call(`soak-${lane}-${visit}`, stays ? Infinity : random.between(...VISIT_MS));
    }
  }

  async #call(session: string, lengthMs: number): Promise<void> {
    const talk = await new Talk(this.#url, session).begin();
    this.#live += 1;
    await this.#until(lengthMs);
    this.#live -= 1;
    await talk.end();
    const { segments } = (await this.#system.json(`/v1/sessions/${session}/transcript`)) as {
      segments: { text: string }[];
    };
    const losses = await talk.losses(
      segments.map(({ text }) => text),
      this.#segmentMs,
    );
    this.#losses = sumOf([this.#losses, losses]);
    this.#ended += 1;
  }

  /** A while, or less when all hang up. */
  async #until(lengthMs: number): Promise<void> {
    const { signal } = this.#stop;
    const most = Math.min(lengthMs, 2 ** 31 - 1);
    await pause(most, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}
