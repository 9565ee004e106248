/** Temporal's errors as those a client may see. */
import {
  isGrpcServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import type { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import type { SessionResult } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';

/**
 * gRPC status codes that mean: not now (cancelled, deadline, exhausted, unavailable). https://grpc.io/docs/guides/status-codes
 * Failed precondition is what Temporal says of a workflow whose tasks nobody has done in time, three times in a row: its
 * orchestrators hang, or have too much to do.
 */
const AWAY = new Set([1, 4, 8, 9, 14]);
const GONE = new Set([5]);

/** The gRPC status behind an error: the client wraps it, once or more, in what it was doing. */
function statusOf(error: unknown): number | null {
  for (let at = error; at instanceof Error; at = at.cause) if (isGrpcServiceError(at)) return at.code;
  return null;
}

const isOneOf = (codes: ReadonlySet<number>, error: unknown): boolean => codes.has(statusOf(error) ?? NaN);

export const isAway = (error: unknown): boolean =>
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || isOneOf(AWAY, error);

export const isGone = (error: unknown): boolean => error instanceof WorkflowNotFoundError || isOneOf(GONE, error);

export function asOurs(error: unknown): unknown {
  if (isAway(error)) return new Failure('temporal_unavailable', 'Temporal does not answer: try again later');
  if (isGone(error)) return new Failure('not_found', 'no such session');
  return error;
}

/** The failure by which a workflow refused an update, or null. */
export const refusalOf = (error: unknown): ApplicationFailure | null =>
  error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure ? error.cause : null;

/** A session whose workflow was ended from outside (Temporal's UI or CLI) has a result all the same. */
export function resultOfFailure(error: WorkflowFailedError): SessionResult {
  const none = { segments: 0, audioMs: 0 };
  if (error.cause instanceof CancelledFailure) return { state: 'cancelled', reason: null, detail: null, ...none };
  const detail =
    error.cause instanceof TerminatedFailure ? 'the session was terminated by an operator' : 'the session failed';
  return { state: 'failed', reason: 'session_failed', detail, ...none };
}
