/** Errors as application/problem+json (RFC 9457), from the one table of failures. */
import type { ErrorRequestHandler, Request, Response } from 'express';
import { asFailure, Failure } from '../failures.ts';
import type { FailureType } from '../failures.ts';
import type { Log } from '../ports.ts';

/** A client that is told to come later is told when. */
const RETRY_AFTER_S = 2;
const LOGGED: readonly FailureType[] = ['internal', 'storage_full', 'storage_corruption'];

/** Headers of an answer of this status. */
export const retryAfter = (status: number): Readonly<Record<string, string>> =>
  status === 503 || status === 429 ? { 'Retry-After': String(RETRY_AFTER_S) } : {};

/** A fault that an operator must hear of. */
export const isLogged = ({ type }: Failure): boolean => LOGGED.includes(type);

export function sendProblem(request: Request, response: Response, failure: Failure): void {
  const { httpStatus } = failure.row;
  response
    .status(httpStatus)
    .set(retryAfter(httpStatus))
    .type('application/problem+json')
    .send(JSON.stringify(problemOf(failure, request.path)));
}

/** @param instance path of the request */
export function problemOf(failure: Failure, instance: string) {
  const { httpStatus: status, title, retryable } = failure.row;
  const { type: code, message: detail } = failure;
  return { type: `urn:longhand:problem:${code}`, title, status, detail, instance, code, retryable };
}

/** The one error handler: what is no failure of ours is logged and told as `internal`. */
export function problemHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const failure = expressFailure(error) ?? asFailure(error);
    if (isLogged(failure)) log.error({ err: error, path: request.path }, 'request failed');
    sendProblem(request, response, failure);
  };
}

/** Express's own refusals, such as an address that cannot be decoded. */
function expressFailure(error: unknown): Failure | null {
  const status = error instanceof Error && 'status' in error ? error.status : null;
  if (status === 400) return new Failure('invalid_parameter', 'the address cannot be decoded');
  return status === 404 ? new Failure('not_found', 'no such page') : null;
}
