/** The pools' scalers as a gateway sees them, in memory: a port's stand-in without Temporal. */
import { Failure } from '../../gateway/failures.ts';
import type { PoolsPort } from '../../gateway/ports.ts';
import type { PoolView } from '../../workflows/pool/contract.ts';
import {
  calendarFault,
  limitsFault,
  overrideFault,
  withCalendar,
  withLimits,
  withOverride,
  withPause,
} from '../../workflows/pool/controls.ts';
import type { Calendar } from '../../workflows/pool/policy.ts';
import type { Limits, Override, PoolState } from '../../workflows/pool/state.ts';

export class FakePools implements PoolsPort {
  readonly views = new Map<string, PoolView>();
  readonly woken: string[] = [];

  view(model: string): Promise<PoolView> {
    const view = this.views.get(model);
    return view === undefined
      ? Promise.reject(new Failure('not_found', 'no scaler runs for this pool'))
      : Promise.resolve(view);
  }

  wake(model: string): Promise<void> {
    this.woken.push(model);
    return Promise.resolve();
  }

  async override(model: string, override: Override | null): Promise<void> {
    const { policy } = await this.view(model);
    await this.#change(model, override && overrideFault(override, policy, Date.now()), (state) =>
      withOverride(state, override),
    );
  }

  async pause(model: string, paused: boolean): Promise<void> {
    await this.#change(model, null, (state) => withPause(state, paused));
  }

  async limits(model: string, limits: Limits | null): Promise<void> {
    const { policy } = await this.view(model);
    await this.#change(model, limits && limitsFault(limits, policy), (state) => withLimits(state, limits));
  }

  async calendar(model: string, calendar: Calendar | null): Promise<void> {
    const { policy } = await this.view(model);
    await this.#change(model, calendar && calendarFault(calendar, policy), (state) => withCalendar(state, calendar));
  }

  async #change(model: string, fault: string | null, change: (state: PoolState) => PoolState): Promise<void> {
    if (fault !== null) throw new Failure('invalid_parameter', fault);
    const view = await this.view(model);
    this.views.set(model, { ...view, state: change(view.state) });
  }
}
