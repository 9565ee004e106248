/**
 * How long sessions hold their slots: lognormal, its mean learned. The survival of a session that has just begun, and of
 * one met at a random moment (the equilibrium residual of renewal theory: D. R. Cox, "Renewal Theory", 1962, section 5).
 */
import { normalCdf } from './normal.ts';

// Taken once: in the workflow sandbox every look at a global is slow.
const { log, max, min, sqrt } = Math;

export interface Holding {
  readonly meanMs: number;
  /** Coefficient of variation. */
  readonly cv: number;
}

interface LogNormal {
  readonly mu: number;
  readonly sigma: number;
}

function logNormal({ meanMs, cv }: Holding): LogNormal {
  const variance = log(1 + cv * cv);
  return { mu: log(meanMs) - variance / 2, sigma: sqrt(variance) };
}

/** The share of sessions that last longer than `ms`. */
export function survival(holding: Holding, ms: number): number {
  if (ms <= 0) return 1;
  if (holding.cv === 0) return ms < holding.meanMs ? 1 : 0;
  const { mu, sigma } = logNormal(holding);
  return 1 - normalCdf((log(ms) - mu) / sigma);
}

/** ∫ survival from 0 to `ms`, in milliseconds: what one arrival a millisecond comes to, in sessions under way, after `ms`. */
export function begunLoad(holding: Holding, ms: number): number {
  if (ms <= 0) return 0;
  if (holding.cv === 0) return min(ms, holding.meanMs);
  const { mu, sigma } = logNormal(holding);
  // ∫₀ˣ P(L > u) du = E[min(L, x)], in closed form for a lognormal.
  const z = (log(ms) - mu) / sigma;
  return holding.meanMs * normalCdf(z - sigma) + ms * (1 - normalCdf(z));
}

/** The share of the sessions under way at a random moment that are still so after `ms`. */
export const residualSurvival = (holding: Holding, ms: number): number => 1 - begunLoad(holding, ms) / holding.meanMs;

/** A mean that starts from an expected one, which weighs as much as `sessions` seen ones. */
export interface LearnedMean {
  readonly sessions: number;
  readonly totalMs: number;
}

const PRIOR_SESSIONS = 50;
/** Older sessions fade once so many are counted. */
const MEMORY_SESSIONS = 5000;

export function learnHolding(
  learned: LearnedMean,
  ended: { readonly sessions: number; readonly slotMs: number },
): LearnedMean {
  const [sessions, totalMs] = [learned.sessions + ended.sessions, learned.totalMs + ended.slotMs];
  const keep = min(1, MEMORY_SESSIONS / max(1, sessions));
  return { sessions: sessions * keep, totalMs: totalMs * keep };
}

export const meanHoldingMs = ({ sessions, totalMs }: LearnedMean, expectedMs: number): number =>
  (PRIOR_SESSIONS * expectedMs + totalMs) / (PRIOR_SESSIONS + sessions);
