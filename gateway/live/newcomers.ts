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
  /** When it was started at the latest; Infinity until its workflow has answered. */
  readonly startedMs: number;
  /** Since when nothing is learnt here of its waiting; Infinity while it is. */
  readonly settledMs: number;
}

/** A session that came in elsewhere, or long ago. */
const STRANGER: Newcomer = { model: '', tenant: '', waits: false, isOver: true, startedMs: 0, settledMs: Infinity };

export class Newcomers {
  readonly #known = new Map<string, Newcomer>();

  /** A new session comes in. */
  enter(workflowId: string, model: string, tenant: string): void {
    this.#known.set(workflowId, { ...STRANGER, model, tenant, waits: true, isOver: false, startedMs: Infinity });
  }

  has(workflowId: string): boolean {
    return this.#known.has(workflowId);
  }

  get size(): number {
    return this.#known.size;
  }

  /** Its workflow has answered. @param isNew false: the session was there before, and is in the lists */
  answered(workflowId: string, isNew: boolean): void {
    const one = this.#known.get(workflowId);
    if (one?.startedMs !== Infinity) return;
    if (isNew) this.#known.set(workflowId, { ...one, startedMs: Date.now() });
    else this.#known.delete(workflowId);
  }

  /** It has a slot. Also of a session that was here before: a list may say for a while yet that it waits. */
  served(workflowId: string): void {
    this.#settle(workflowId, { ...(this.#known.get(workflowId) ?? STRANGER), waits: false });
  }

  ended(workflowId: string): void {
    this.#settle(workflowId, { ...(this.#known.get(workflowId) ?? STRANGER), waits: false, isOver: true });
  }

  /** Nothing more is heard of it here, whether it waits or not: in a moment the lists speak for it. */
  left(workflowId: string): void {
    const one = this.#known.get(workflowId);
    if (one?.settledMs !== Infinity) return;
    this.#settle(workflowId, { ...one, startedMs: Math.min(one.startedMs, Date.now()) });
  }

  #settle(workflowId: string, one: Newcomer): void {
    const settled = { ...one, settledMs: Date.now() };
    this.#known.set(workflowId, settled);
    setTimeout(() => {
      if (this.#known.get(workflowId)?.settledMs === settled.settledMs) this.#known.delete(workflowId);
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
