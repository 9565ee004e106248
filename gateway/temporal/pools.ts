/** The pools' scalers as workflows. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { POOL_QUERY, POOL_SIGNAL, POOL_UPDATE, poolWorkflowId } from '../../workflows/pool/contract.ts';
import type { PoolView } from '../../workflows/pool/contract.ts';
import type { Calendar } from '../../workflows/pool/policy.ts';
import type { Limits, Override } from '../../workflows/pool/state.ts';
import { Failure } from '../failures.ts';
import type { PoolsPort } from '../ports.ts';
import { Calls } from './calls.ts';
import { refusalOf } from './errors.ts';

/** A pool is woken no more often than this; asked for more often, it is once more at the end. */
const WAKE_EVERY_MS = 250;

export class TemporalPools implements PoolsPort {
  readonly #client: Client;
  readonly #calls: Calls;
  /** Models that were woken within {@link WAKE_EVERY_MS}, and whether that was asked for again. */
  readonly #waking = new Map<string, { again: boolean }>();

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#calls = new Calls(client, deadlineMs, 'no scaler runs for this pool');
  }

  view(model: string): Promise<PoolView> {
    return this.#calls.ask(() => this.#handle(model).query<PoolView>(POOL_QUERY.view));
  }

  async override(model: string, override: Override | null): Promise<void> {
    await this.#update(model, POOL_UPDATE.override, override);
  }

  async pause(model: string, paused: boolean): Promise<void> {
    await this.#update(model, POOL_UPDATE.pause, paused);
  }

  async limits(model: string, limits: Limits | null): Promise<void> {
    await this.#update(model, POOL_UPDATE.limits, limits);
  }

  async calendar(model: string, calendar: Calendar | null): Promise<void> {
    await this.#update(model, POOL_UPDATE.calendar, calendar);
  }

  /** A pool that nobody scales is not woken. */
  async wake(model: string): Promise<void> {
    const waking = this.#waking.get(model);
    if (waking !== undefined) {
      waking.again = true;
      return;
    }
    const started = { again: false };
    this.#waking.set(model, started);
    setTimeout(() => {
      this.#waking.delete(model);
      // Its failure is the next one's who asks.
      if (started.again) this.wake(model).catch(() => undefined);
    }, WAKE_EVERY_MS).unref();
    await this.#calls.askIfThere(() => this.#handle(model).signal(POOL_SIGNAL.wake));
  }

  #handle(model: string): WorkflowHandle {
    return this.#client.workflow.getHandle(poolWorkflowId(model));
  }

  async #update(model: string, name: string, value: unknown): Promise<void> {
    try {
      await this.#calls.ask(() => this.#handle(model).executeUpdate<null, [unknown]>(name, { args: [value] }));
    } catch (error) {
      const refusal = refusalOf(error);
      throw refusal === null ? error : new Failure('invalid_parameter', refusal.message);
    }
  }
}
