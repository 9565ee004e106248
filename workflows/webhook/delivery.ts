/** The course of one message: when it is sent again, and when it is given up. Pure. */
import type { DeadReason, DeliveryAttempt, DeliveryOutcome, MessageView } from './contract.ts';

export type DeliveryPhase =
  | { readonly name: 'pending'; readonly atMs: number }
  | { readonly name: 'delivered' }
  | { readonly name: 'dead'; readonly reason: DeadReason; readonly sinceMs: number };

/** Plain JSON: carried through continue-as-new. */
export interface DeliveryState {
  readonly phase: DeliveryPhase;
  /** When the first of the present row of attempts was due: the schedule counts from here. */
  readonly startedAtMs: number;
  /** Attempts of the present row. */
  readonly tries: number;
  /** The latest attempts of all rows. */
  readonly attempts: readonly DeliveryAttempt[];
}

/** Attempts that are kept to be shown. */
const SHOWN_ATTEMPTS = 50;
/** Up to this share of the pause is added to it, so that what failed together does not come again together. */
const JITTER = 0.1;
/** A receiver that wishes for a longer pause is asked for its next one then. */
const MAX_RETRY_AFTER_MS = 24 * 3_600_000;
/** Answers by which a receiver says that it has too much to do, or whoever stands before it says so. Standard Webhooks 1.0.0. */
const THROTTLES: readonly number[] = [429, 502, 503, 504];
const GONE = 410;

export const initialDelivery = (nowMs: number): DeliveryState => ({
  phase: { name: 'pending', atMs: nowMs },
  startedAtMs: nowMs,
  tries: 0,
  attempts: [],
});

/** A whole row of attempts, the first at once: for a dead letter that is sent again, or for what comes next. */
export const sentAgain = (state: DeliveryState, nowMs: number): DeliveryState => ({
  ...initialDelivery(nowMs),
  attempts: state.attempts,
});

/**
 * What follows from one attempt.
 * @param startMs when it began, `nowMs` when its outcome was known
 * @param random 0 to 1
 */
export function afterAttempt(
  state: DeliveryState,
  outcome: DeliveryOutcome,
  schedule: readonly number[],
  { startMs, nowMs, random }: { readonly startMs: number; readonly nowMs: number; readonly random: number },
): DeliveryState {
  const tries = state.tries + 1;
  const attempts = [...state.attempts, attemptOf(state, outcome, startMs)].slice(-SHOWN_ATTEMPTS);
  const next = { ...state, tries, attempts };
  const dead = (reason: DeadReason): DeliveryState => ({ ...next, phase: { name: 'dead', reason, sinceMs: nowMs } });
  if (outcome.kind === 'forbidden') return dead('forbidden');
  if (outcome.kind === 'disabled') return dead('disabled');
  if (outcome.kind === 'answered' && isSuccess(outcome.status)) return { ...next, phase: { name: 'delivered' } };
  if (outcome.kind === 'answered' && outcome.status === GONE) return dead('gone');
  const atMs = nextAttemptMs(next, outcome, schedule, nowMs, random);
  return atMs === null ? dead('exhausted') : { ...next, phase: { name: 'pending', atMs } };
}

/** Null: the schedule is used up. Never earlier than scheduled, than the jitter allows, or than the receiver wishes. */
function nextAttemptMs(
  { startedAtMs, tries }: DeliveryState,
  outcome: DeliveryOutcome,
  schedule: readonly number[],
  nowMs: number,
  random: number,
): number | null {
  const offsetMs = schedule[tries - 1];
  if (offsetMs === undefined) return null;
  const gapMs = offsetMs - (schedule[tries - 2] ?? 0);
  const dueMs = startedAtMs + offsetMs + gapMs * JITTER * random;
  return Math.round(Math.max(dueMs, nowMs + throttledMs(outcome, gapMs)));
}

/** The least pause before a receiver that is overloaded is asked again: what it wishes, or the scheduled one from now on. */
function throttledMs(outcome: DeliveryOutcome, gapMs: number): number {
  if (outcome.kind !== 'answered' || !THROTTLES.includes(outcome.status)) return 0;
  return outcome.retryAfterMs === null ? gapMs : Math.min(outcome.retryAfterMs, MAX_RETRY_AFTER_MS);
}

export const isSuccess = (status: number): boolean => status >= 200 && status <= 299;

function attemptOf({ attempts }: DeliveryState, outcome: DeliveryOutcome, startMs: number): DeliveryAttempt {
  const number = (attempts.at(-1)?.number ?? 0) + 1;
  const at = new Date(startMs).toISOString();
  const status = outcome.kind === 'answered' ? outcome.status : null;
  return { number, at, durationMs: outcome.durationMs, status, detail: detailOf(outcome) };
}

function detailOf(outcome: DeliveryOutcome): string | null {
  switch (outcome.kind) {
    case 'answered':
      if (isSuccess(outcome.status)) return null;
      if (outcome.status >= 300 && outcome.status <= 399) return 'the receiver redirects, which is not followed';
      if (outcome.status === GONE) return 'the receiver is gone, and disabled from now on';
      return `the receiver answered ${outcome.status}`;
    case 'unreachable':
      return outcome.detail;
    case 'forbidden':
      return `the address ${outcome.detail}`;
    case 'disabled':
      return 'the receiver is disabled: it has answered an earlier webhook with 410';
    default:
      return outcome satisfies never;
  }
}

/** What there is to see of a delivery, whatever it delivers. */
export const deliveryView = ({
  phase,
  attempts,
}: DeliveryState): Pick<MessageView, 'state' | 'reason' | 'nextAttemptAt' | 'attempts'> => ({
  state: phase.name,
  reason: phase.name === 'dead' ? phase.reason : null,
  nextAttemptAt: phase.name === 'pending' ? new Date(phase.atMs).toISOString() : null,
  attempts,
});
