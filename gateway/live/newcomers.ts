/**
 * The sessions that this gateway has let in. What Temporal's lists say is up to a few seconds old; of these it is known at
 * once that they wait, that they have a slot, and that they are over. Both tell of sessions by their ids, so that none
 * counts twice. Pure but for the clock.
 */

/** What happens in a session is in Temporal's lists after so long at the latest. */
export const LIST_LAG_MS = 2000;
/** After so long every list that may still be in use speaks for a session by itself: it is forgotten here. */
const KEPT_MS = 15_000;

/** Ids of the workflows that wait for a worker of a model, as a list says that was asked for at `askedMs`. */
export interface Waiting {
  readonly askedMs: number;
  readonly ids: readonly string[];
}

/** How many sessions of a tenant are open of those that were started at `startedByMs` or before. */
export interface Open {
  readonly startedByMs: number;
  readonly count: number;
}

interface Newcomer {
  readonly model: string;
  readonly tenant: string;
  readonly waits: boolean;
  readonly isOver: boolean;
  /** Its workflow is known to be there. */
  readonly isThere: boolean;
  /** When it was started at the latest; Infinity while it may be under way. */
  readonly startedMs: number;
  /** Since when nothing is learnt here of its waiting; Infinity while it is. */
  readonly settledMs: number;
}

/** A session that came in elsewhere, or long ago. */
const STRANGER = { model: '', tenant: '', waits: false, isOver: true, isThere: true, startedMs: 0 };

export class Newcomers {
  readonly #known = new Map<string, Newcomer>();

  /** A new session comes in. */
  enter(workflowId: string, model: string, tenant: string): void {
    const begun = { waits: true, isOver: false, isThere: false, startedMs: Infinity, settledMs: Infinity };
    this.#known.set(workflowId, { model, tenant, ...begun });
  }

  /** Whether it is there, or about to be; one that could not be started may come in anew. */
  has(workflowId: string): boolean {
    const one = this.#known.get(workflowId);
    return one !== undefined && (one.isThere || one.settledMs === Infinity);
  }

  get size(): number {
    return this.#known.size;
  }

  /** Its workflow has answered. @param isNew false: the session was there before, and is in the lists */
  answered(workflowId: string, isNew: boolean): void {
    const one = this.#known.get(workflowId);
    if (one?.isThere !== false) return;
    if (isNew) this.#known.set(workflowId, { ...one, isThere: true, startedMs: Math.min(one.startedMs, Date.now()) });
    else this.#known.delete(workflowId);
  }

  /** It has a slot. Also of a session that was here before: a list may say for a while yet that it waits. */
  served(workflowId: string): void {
    this.#settle(workflowId, { isThere: true, waits: false });
  }

  ended(workflowId: string): void {
    this.#settle(workflowId, { isThere: true, waits: false, isOver: true });
  }

  /** Nothing more is heard of it here, whether it waits or not: in a moment the lists speak for it. */
  left(workflowId: string): void {
    if (this.#known.get(workflowId)?.settledMs === Infinity) this.#settle(workflowId, {});
  }

  #settle(workflowId: string, how: Partial<Newcomer>): void {
    const settledMs = Date.now();
    const one = this.#known.get(workflowId) ?? STRANGER;
    this.#known.set(workflowId, { ...one, ...how, startedMs: Math.min(one.startedMs, settledMs), settledMs });
    setTimeout(() => {
      if (this.#known.get(workflowId)?.settledMs === settledMs) this.#known.delete(workflowId);
    }, KEPT_MS).unref();
  }

  /** How many sessions wait for a worker of the model: those let in here, and of the list the others. */
  waiting(model: string, { askedMs, ids }: Waiting): number {
    const isNews = (one: Newcomer | undefined) => one !== undefined && one.settledMs + LIST_LAG_MS > askedMs;
    const others = ids.filter((id) => !isNews(this.#known.get(id))).length;
    return others + this.#count((one) => one.model === model && one.waits && isNews(one));
  }

  /** How many sessions of the tenant are open: those of the count, and those let in here since. */
  open(tenant: string, { startedByMs, count }: Open): number {
    return count + this.#count((one) => one.tenant === tenant && !one.isOver && one.startedMs > startedByMs);
  }

  #count(which: (one: Newcomer) => boolean): number {
    let count = 0;
    for (const one of this.#known.values()) if (which(one)) count += 1;
    return count;
  }
}
