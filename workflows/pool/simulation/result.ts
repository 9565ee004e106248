/** What a played day comes to: hours, money, waits. */
import { costOf } from '../cost.ts';
import type { Prices } from '../policy.ts';
import type { Played } from './world.ts';

export interface Result {
  readonly sessions: number;
  /** Paid: from being asked for until gone, drains included. */
  readonly workerHours: number;
  readonly burstWorkerHours: number;
  /** By price list. */
  readonly costPerDay: Readonly<Record<string, number>>;
  /** Thirty such days. */
  readonly costPerMonth: Readonly<Record<string, number>>;
  readonly costPerSession: Readonly<Record<string, number | null>>;
  readonly waitSeconds: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Share of sessions that waited longer than {@link LONG_WAIT_MS}. */
  readonly shareWaited: number;
  /** Sessions whose worker went away under them. */
  readonly cut: number;
}

export const LONG_WAIT_MS = 2000;
const MONTH_DAYS = 30;

/** Percentile by nearest rank, of sorted values; 0 of none. */
const percentile = (sorted: readonly number[], p: number): number =>
  sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? 0;

export function resultOf(played: Played, priceLists: Readonly<Record<string, Prices>>): Result {
  const { calls, standingHours, burstHours, cut } = played;
  const sorted = [...played.waitsMs].sort((a, b) => a - b);
  const wait = (p: number): number => percentile(sorted, p) / 1000;
  const each = <T>(value: (cost: number) => T): Record<string, T> =>
    Object.fromEntries(
      Object.entries(priceLists).map(([name, prices]) => [
        name,
        value(costOf({ standingHours, burstHours, hours: 24 }, prices)),
      ]),
    );
  return {
    sessions: calls,
    workerHours: standingHours + burstHours,
    burstWorkerHours: burstHours,
    costPerDay: each((cost) => cost),
    costPerMonth: each((cost) => cost * MONTH_DAYS),
    costPerSession: each((cost) => (calls > 0 ? cost / calls : null)),
    waitSeconds: { p50: wait(50), p95: wait(95), p99: wait(99), max: wait(100) },
    shareWaited: calls > 0 ? sorted.filter((ms) => ms > LONG_WAIT_MS).length / calls : 0,
    cut,
  };
}
