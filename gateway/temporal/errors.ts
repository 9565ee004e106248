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

/** gRPC status codes that mean: not now (cancelled, deadline, exhausted, unavailable). https://grpc.io/docs/guides/status-codes */
const AWAY = new Set([1, 4, 8, 14]);
const GONE = new Set([5]);

export const isAway = (error: unknown): boolean =>
  error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || (isGrpcServiceError(error) && AWAY.has(error.code));

export const isGone = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && GONE.has(error.code));

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
