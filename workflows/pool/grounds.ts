/** What a decision is made from: what is told, seen and expected. */
import type { Forecast } from './forecast/forecast.ts';
import type { Observation } from './observation.ts';
import type { Policy } from './policy.ts';
import type { PoolState } from './state.ts';

export interface Grounds {
  readonly policy: Policy;
  readonly observation: Observation;
  readonly forecast: Forecast | null;
  readonly startUpMs: number;
  readonly override: PoolState['override'];
}
