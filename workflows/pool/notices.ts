/** What operators should hear besides the number: changes by hand, workers that do not come. Each is said once. */
import type { Notice } from './decision.ts';
import type { Observation, Workers } from './observation.ts';
import type { Policy } from './policy.ts';
import type { PoolState } from './state.ts';

type Said = Pick<PoolState, 'driftSaid' | 'scaleFailedSaid'>;

export function noticesOf(
  policy: Policy,
  observation: Observation,
  state: PoolState,
): { readonly notices: readonly Notice[]; readonly said: Said } {
  const drift = driftOf(observation, state);
  const failure = failureOf(policy, observation, state);
  return {
    notices: [...drift.notices, ...failure.notices],
    said: { driftSaid: drift.driftSaid, scaleFailedSaid: failure.scaleFailedSaid },
  };
}

const same = (a: Workers, b: Workers): boolean => a.standing === b.standing && a.burst === b.burst;
const shown = ({ standing, burst }: Workers): string =>
  burst > 0 ? `${standing} standing and ${burst} burst workers` : `${standing} workers`;

/** Burst workers end by themselves: fewer of them than were asked for are no change by hand. */
function driftOf({ asked }: Observation, { asked: wanted, told = 0, driftSaid, paused }: PoolState) {
  const more = wanted === null ? 0 : asked.standing - wanted.standing;
  const isAsAsked = wanted === null || (more >= 0 && more <= told && asked.burst <= wanted.burst);
  if (isAsAsked || paused) return { notices: [], driftSaid: null };
  if (driftSaid !== null && same(driftSaid, asked)) return { notices: [], driftSaid };
  const sentence = `The pool was changed from outside to ${shown(asked)}, where the scaler had asked for ${shown(wanted)}: it is set right.`;
  const notice: Notice = { kind: 'drift', found: asked, wanted, sentence };
  return { notices: [notice], driftSaid: asked };
}

function failureOf({ startUp }: Policy, { workers, oldestStartingMs }: Observation, { scaleFailedSaid }: PoolState) {
  const fails = workers.starting > 0 && oldestStartingMs >= startUp.failedAfterMs;
  if (fails === scaleFailedSaid) return { notices: [], scaleFailedSaid };
  if (!fails) {
    const notice: Notice = { kind: 'scaleRecovered', sentence: 'Workers become ready again.' };
    return { notices: [notice], scaleFailedSaid: false };
  }
  const seconds = Math.round(oldestStartingMs / 1000);
  const sentence = `${workers.starting} workers are not ready, the oldest after ${seconds} s: their image, their model or the cluster's room should be looked at.`;
  const notice: Notice = { kind: 'scaleFailed', starting: workers.starting, forMs: oldestStartingMs, sentence };
  return { notices: [notice], scaleFailedSaid: true };
}
