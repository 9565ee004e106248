/** Retention: what has been kept for long enough is deleted. Plain JSON. */

/** One workflow for the installation. */
export const RETENTION_WORKFLOW_ID = 'retention';

export interface SweepArgs {
  /** Sessions that ended before are scheduled already; milliseconds since 1970. */
  readonly sinceMs: number;
}

export interface SweepAnswer {
  /** Everything that ended before is scheduled. */
  readonly throughMs: number;
  /** When to look again. */
  readonly againInMs: number;
}

/** Control activities. */
export interface RetentionActivities {
  /** Schedules the deletion of sessions that have ended, and deletes uploads that nobody came for. May run again at any time. */
  sweep(args: SweepArgs): Promise<SweepAnswer>;
  /** How long ended sessions of a tenant are kept, as it is set now; 0: for ever. */
  retentionOf(tenant: string): Promise<number>;
}
