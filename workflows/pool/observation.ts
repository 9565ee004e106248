/** What is seen of a pool at one moment. Plain JSON: it is an activity's result and lies in the workflow's history. */
export interface Observation {
  readonly atMs: number;
  /** What the platform is presently asked for (a Deployment's replicas, Jobs not ended), whoever asked. */
  readonly asked: Workers;
  readonly workers: {
    /** Asked for, not ready yet. */
    readonly starting: number;
    /** Ready with at least one session. */
    readonly busy: number;
    /** Ready without a session. */
    readonly idle: number;
    /** On their way out: they take no new session. Not part of {@link Observation.asked}. */
    readonly draining: number;
  };
  /** Of ready workers that do not drain. */
  readonly slots: { readonly busy: number; readonly idle: number };
  readonly waiting: { readonly sessions: number; readonly oldestMs: number };
  /** Sessions that asked for a slot since the last observation; a fraction where it is reckoned from a rate. */
  readonly arrived: number;
  /** Sessions that gave their slot back since the last observation, and for how long they had held it, in all. */
  readonly ended: SlotUse & {
    /** Of each tenant; absent from what earlier versions observed. */
    readonly tenants?: Readonly<Record<string, SlotUse>>;
  };
  /** Workers that became ready since the last observation: how long each took from being asked for. */
  readonly startUpsMs: readonly number[];
  /** How long the oldest worker that is not ready has been starting; 0 where none is. */
  readonly oldestStartingMs: number;
}

/** How many sessions had a slot, and for how long in all. */
export interface SlotUse {
  readonly sessions: number;
  readonly slotMs: number;
}

export interface Workers {
  readonly standing: number;
  /** Each ends after one session. */
  readonly burst: number;
}
