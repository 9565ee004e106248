/** Those who decide in a simulation: the real `decide`, with a policy. */
import { decide } from '../decide.ts';
import type { Decision } from '../decision.ts';
import type { Policy } from '../policy.ts';
import { initialPoolState } from '../state.ts';
import type { PoolState } from '../state.ts';
import type { Scaler } from './world.ts';

export interface Pace {
  readonly everyMs: number;
  readonly looksOnQueued: boolean;
}

/** As the pool's workflow looks: every 5 s, and at once when a session finds no free slot. */
export const WORKFLOW_PACE: Pace = { everyMs: 5000, looksOnQueued: true };

/** The scaler of a policy; `onDecision` hears each decision. */
export function policyScaler(
  policy: Policy,
  { everyMs, looksOnQueued }: Pace = WORKFLOW_PACE,
  onDecision: (decision: Decision) => void = () => undefined,
): Scaler {
  let state: PoolState = initialPoolState;
  return {
    everyMs,
    looksOnQueued,
    look: (observation) => {
      const { decision, state: next } = decide(policy, observation, state);
      state = next;
      onDecision(decision);
      return decision.workers;
    },
  };
}
