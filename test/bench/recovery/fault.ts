/** What every fault is: how it is made, what is measured of each blow, and what is wanted of it. */
import type { System } from '../../harness/system.ts';
import type { Random } from './random.ts';
import type { Talk } from './talk.ts';

/** A whole installation with calls on it. */
export interface Scene {
  readonly system: System;
  readonly talks: readonly Talk[];
  readonly random: Random;
}

/** What was measured of one blow, by name of the figure, in milliseconds: one value for each call that was struck. */
export type Blow = Readonly<Record<string, readonly number[]>>;

export interface Figure {
  readonly what: string;
  /** Percentile that has a goal; null: none. */
  readonly goal: { readonly p: 95 | 99 | 100; readonly atMostMs: number } | null;
}

export interface Fault {
  readonly name: string;
  /** By the names of {@link Blow}. */
  readonly figures: Readonly<Record<string, Figure>>;
  /** Blows of a whole run, and of a quick one. */
  readonly count: number;
  readonly quickCount: number;
  /** Whether a blow ends a process with SIGKILL. */
  readonly kills: boolean;
  /** What stands between callers and gateway, and what else it needs; the address for callers. */
  prepare(system: System): Promise<Stage>;
}

export interface Stage {
  readonly url: string;
  strike(scene: Scene): Promise<Blow>;
  close(): void;
}
