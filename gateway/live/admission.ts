/**
 * Whether a new session comes in: while fewer wait than may, or a slot is free for it; and while its tenant has fewer open
 * than it may. What this gateway has let in itself is counted as it stands now, so that no burst passes a bound; what others
 * do is seen in Temporal's lists, up to a second late.
 */
import { sessionWorkflowId } from '../../workflows/contract.ts';
import type { LiveInput } from '../../workflows/contract.ts';
import { atMostEvery } from '../at-most-every.ts';
import { Failure } from '../failures.ts';
import type { GatewaySettings, SessionsPort, WorkerSummary } from '../ports.ts';
import { LIST_LAG_MS, Newcomers } from './newcomers.ts';
import type { Open, Waiting } from './newcomers.ts';
import { SlotsHere } from './slots-here.ts';

type Sessions = Pick<SessionsPort, 'waitingSessions' | 'openSessions' | 'workers' | 'exists'>;
type Bounds = Pick<GatewaySettings, 'maxQueue' | 'maxTenantSessions'>;

/** How old a list may be. */
const LIST_MS = 1000;
/** As many cost no more than one. */
const FEWEST_LISTED = 100;

export class Admission {
  readonly #sessions: Sessions;
  readonly #bounds: Bounds;
  readonly #newcomers = new Newcomers();
  readonly #slots = new SlotsHere();
  readonly #lists = new Map<string, () => Promise<Waiting>>();
  readonly #counts = new Map<string, () => Promise<Open>>();

  constructor({ sessions, settings }: { readonly sessions: Sessions; readonly settings: Bounds }) {
    this.#sessions = sessions;
    this.#bounds = settings;
  }

  /**
   * Lets a session in, or not. One that is there already always comes in.
   * @param mayWait false: only where a slot is free
   * @throws Failure `queue_full`, `tenant_limit`, or what Temporal's client fails with
   */
  async admit({ ref, model }: Pick<LiveInput, 'ref' | 'model'>, mayWait = true): Promise<void> {
    const workflowId = sessionWorkflowId(ref);
    const [list, count] = await Promise.all([this.#waiting(model), this.#open(ref.tenant)]);
    const maxWaiting = mayWait ? this.#bounds.maxQueue : 0;
    // Slots are asked after only when it comes to them.
    const isNear = this.#newcomers.waiting(model, list) >= maxWaiting;
    const workers = isNear ? await this.#sessions.workers() : [];
    // Who is counted, and who is let in, is said in one step: nothing is waited for from here on.
    if (this.#newcomers.has(workflowId)) return;
    const refusal = this.#refusal(model, ref.tenant, maxWaiting, list, count, workers);
    if (refusal === null) this.#newcomers.enter(workflowId, model, ref.tenant);
    else if (!(await this.#sessions.exists(ref))) throw refusal;
  }

  #refusal(
    model: string,
    tenant: string,
    maxWaiting: number,
    list: Waiting,
    count: Open,
    workers: readonly WorkerSummary[],
  ): Failure | null {
    const { maxTenantSessions } = this.#bounds;
    const serving = workers.filter((worker) => worker.model === model && !worker.draining);
    if (this.#newcomers.waiting(model, list) >= maxWaiting + this.#slots.free(serving)) {
      const who = maxWaiting === 0 ? 'no slot is free' : `${maxWaiting} sessions wait for a worker`;
      return new Failure('queue_full', `${who} of model ${model}: try again later`);
    }
    if (this.#newcomers.open(tenant, count) >= maxTenantSessions) {
      return new Failure('tenant_limit', `${maxTenantSessions} live sessions are open: end one, or try again later`);
    }
    return null;
  }

  // ---- what becomes of sessions here

  /** The workflow of a session that was let in has answered. @param isNew false: the session was there before */
  answered(workflowId: string, isNew: boolean): void {
    this.#newcomers.answered(workflowId, isNew);
  }

  /** A worker serves it. */
  served(workflowId: string, workerId: string): void {
    this.#newcomers.served(workflowId);
    this.#slots.taken(workflowId, workerId);
  }

  /** @param isFree its slot is free again; otherwise that is not known */
  workerGone(workflowId: string, isFree: boolean): void {
    if (isFree) this.#slots.freed(workflowId);
    else this.#slots.unknown(workflowId);
  }

  ended(workflowId: string): void {
    this.#newcomers.ended(workflowId);
    this.#slots.freed(workflowId);
  }

  /** This gateway has nothing to do with it any more. */
  left(workflowId: string): void {
    this.#newcomers.left(workflowId);
    this.#slots.unknown(workflowId);
  }

  // ---- what Temporal says

  #waiting(model: string): Promise<Waiting> {
    return kept(this.#lists, model, async () => {
      const askedMs = Date.now();
      // Those of the list that are known here do not count by it: the others are the bound all the same, where it is cut.
      const atMost = Math.max(this.#bounds.maxQueue, FEWEST_LISTED) + this.#newcomers.size;
      return { askedMs, ids: await this.#sessions.waitingSessions(model, atMost) };
    });
  }

  #open(tenant: string): Promise<Open> {
    return kept(this.#counts, tenant, async () => {
      const startedByMs = Date.now() - LIST_LAG_MS;
      return { startedByMs, count: await this.#sessions.openSessions(tenant, startedByMs) };
    });
  }
}

function kept<T>(all: Map<string, () => Promise<T>>, name: string, ask: () => Promise<T>): Promise<T> {
  const known = all.get(name) ?? atMostEvery(LIST_MS, ask);
  all.set(name, known);
  return known();
}
