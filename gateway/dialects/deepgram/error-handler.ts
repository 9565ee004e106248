/** Answers every failure of Deepgram's HTTP addresses in its words. */
import type { ErrorRequestHandler, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { asFailure } from '../../failures.ts';
import type { Log } from '../../ports.ts';
import { isLogged, retryAfter } from '../../rest/problem.ts';
import { WaitEnded } from '../../rest/waiting.ts';
import { errorBody, headerText, statusOf } from './errors.ts';
import type { ErrorBody } from './errors.ts';

/** Names the session; of every answer. */
export const REQUEST_ID = 'dg-request-id';

/** An error that is no failure of Longhand's own. */
export function sendError(response: Response, status: number, code: string, message: string): void {
  send(response, status, { err_code: code, err_msg: message, request_id: requestIdOf(response) });
}

function send(response: Response, status: number, body: ErrorBody): void {
  response.setHeader(REQUEST_ID, body.request_id);
  response.setHeader('dg-error', headerText('err_msg' in body ? body.err_msg : body.details));
  response.status(status).set(retryAfter(status)).json(body);
}

function requestIdOf(response: Response): string {
  const id = response.getHeader(REQUEST_ID);
  return typeof id === 'string' ? id : randomUUID();
}

export function deepgramErrorHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof WaitEnded) {
      const id = requestIdOf(response);
      sendError(
        response,
        504,
        'GATEWAY_TIMEOUT',
        `the transcript was not ready in time: GET /v1/sessions/${id}/transcript`,
      );
      return;
    }
    const failure = asFailure(error);
    if (isLogged(failure)) log.error({ err: error, path: request.path }, 'request failed');
    send(response, statusOf(failure), errorBody(failure, requestIdOf(response)));
  };
}
