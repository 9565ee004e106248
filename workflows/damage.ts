/** Storage that gives back something else than was written ends a session as failed, by that name. */
import { ActivityFailure, ApplicationFailure } from '@temporalio/workflow';
import { STORAGE_DAMAGED } from './contract.ts';

/** A control activity has given up on damaged objects. */
export const isDamage = (error: unknown): boolean =>
  error instanceof ActivityFailure && error.cause instanceof ApplicationFailure && error.cause.type === STORAGE_DAMAGED;
