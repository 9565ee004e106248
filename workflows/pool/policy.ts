/**
 * What an operator says about a pool, as plain data: read from a file (infra/pool/policy-file.ts), carried by the pool's
 * workflow. docs/scaling.md explains each field. Durations in milliseconds, prices in the currency of the price list.
 */

/** Workers by time of day: an hour table, or cron entries each of which holds until the next one fires. */
export type Timetable =
  | { readonly kind: 'hours'; readonly workersByHour: readonly number[] }
  | { readonly kind: 'cron'; readonly entries: readonly CronEntry[] };

export interface CronEntry {
  /** Five fields: minute, hour, day of month, month, day of week; in the policy's time zone. */
  readonly cron: string;
  readonly workers: number;
}

export interface Calendar {
  readonly timetable: Timetable;
  /** The pool follows the table so long ahead of the clock. */
  readonly leadMs: number;
  /** `floor`: never fewer workers than the table says. `expected`: the table only tells the forecast what load to expect. */
  readonly role: 'floor' | 'expected';
  /** The load expected of an hour is the largest that the table's workers serve so, within the forecast's `withinMs`. */
  readonly servedShare: number;
}

/** Busy workers and so many idle slots more: a number, or a share of the busy ones; the larger counts. */
export interface Headroom {
  readonly idleSlots: number;
  /** 0.1: one idle slot for ten busy ones. */
  readonly idleShare: number;
}

/** Busy workers and one more for each waiting session, once the oldest has waited so long. */
export interface BacklogRule {
  readonly afterMs: number;
}

export interface ForecastRule {
  /** This share of sessions is to have a slot … */
  readonly servedShare: number;
  /** … within this time. */
  readonly withinMs: number;
  /** How long a session holds its slot, until more is learned: mean and coefficient of variation. */
  readonly sessionMs: number;
  readonly sessionCv: number;
  /** Arrivals an hour by hour of the day, Monday's first; 24 or 168 numbers. Null: from the calendar, or unknown. */
  readonly arrivalsByHour: readonly number[] | null;
  /** How many weeks of seen arrivals the expected ones weigh as much as. */
  readonly priorWeeks: number;
  /** How much whole days differ from what is expected of them: coefficient of variation. */
  readonly dayCv: number;
  /** Workers that would be wanted again within this time are kept. */
  readonly keepMs: number;
}

export interface StartUpRule {
  /** From asking for a worker to its first free slot, until more is learned. */
  readonly expectedMs: number;
  /** A worker that is not ready after so long will not be: `scaleFailed` is said. */
  readonly failedAfterMs: number;
}

export interface ScaleDownRule {
  /** The target falls only to the largest number wanted within this time. */
  readonly coolDownMs: number;
  /** A fall by fewer workers than this share of the target is left. */
  readonly hysteresisShare: number;
}

/** Workers beyond `maxWorkers`, each for one session (Kubernetes: Jobs). */
export interface BurstRule {
  readonly maxWorkers: number;
  /** What they may cost in one day of the policy's time zone; null: whatever they do. */
  readonly maxCostPerDay: number | null;
}

/** What one worker costs an hour, and what the pool costs besides. */
export interface Prices {
  readonly currency: string;
  readonly standingWorkerHour: number;
  readonly burstWorkerHour: number;
  /** Whatever the number of workers: a control plane, for example. */
  readonly poolHour: number;
}

export interface Policy {
  /** IANA name; hours, days and cron entries are of this zone, daylight saving included. */
  readonly timeZone: string;
  readonly minWorkers: number;
  /** Standing workers; burst workers come on top. */
  readonly maxWorkers: number;
  readonly slotsPerWorker: number;
  readonly calendar: Calendar | null;
  readonly headroom: Headroom | null;
  readonly backlog: BacklogRule | null;
  readonly forecast: ForecastRule | null;
  readonly startUp: StartUpRule;
  readonly scaleDown: ScaleDownRule;
  readonly burst: BurstRule | null;
  readonly prices: Prices | null;
}
