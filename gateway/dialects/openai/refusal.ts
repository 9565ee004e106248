/** Errors as OpenAI tells them: `{"error": {message, type, param, code}}`, by HTTP and on the Realtime socket. */
import type { ErrorRequestHandler, Response } from 'express';
import { asFailure, Failure } from '../../failures.ts';
import type { FailureType } from '../../failures.ts';
import type { Log } from '../../ports.ts';
import { isLogged, retryAfter } from '../../rest/problem.ts';

export interface OpenAiError {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

/** What this front itself refuses. The message says what was wrong and what is allowed. */
export class OpenAiRefusal extends Error {
  override name = 'OpenAiRefusal';
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(message: string, param: string | null, code: string | null = 'invalid_value', status = 400) {
    super(message);
    this.status = status;
    this.param = param;
    this.code = code;
  }
}

/** Failures for which OpenAI's API has an answer of its own: status, code, the parameter that is meant. */
const OWN: Partial<Record<FailureType, readonly [status: number, code: string, param: string | null]>> = {
  unknown_model: [404, 'model_not_found', 'model'],
  unknown_parameter: [400, 'unknown_parameter', null],
  invalid_parameter: [400, 'invalid_value', null],
  unsupported_audio: [400, 'unsupported_format', 'file'],
  empty_audio: [400, 'empty_audio', 'file'],
  invalid_upload: [400, 'invalid_form', null],
  invalid_message: [400, 'invalid_event', null],
};

/** By status: `type` of https://platform.openai.com/docs/guides/error-codes, and the code where the failure has none there. */
function typeOf(status: number): { readonly type: string; readonly code?: string } {
  if (status === 401) return { type: 'invalid_request_error', code: 'invalid_api_key' };
  if (status === 429) return { type: 'rate_limit_error', code: 'rate_limit_exceeded' };
  return { type: status >= 500 ? 'server_error' : 'invalid_request_error' };
}

/** What a client is told of an error, and with which status. */
export function openAiError(error: unknown): { readonly status: number; readonly error: OpenAiError } {
  if (error instanceof OpenAiRefusal) {
    const { status, message, param, code } = error;
    return { status, error: { message, type: typeOf(status).type, param, code } };
  }
  const failure = asFailure(error);
  const [status, ownCode, param = null] = OWN[failure.type] ?? [failure.row.httpStatus];
  const { type, code } = typeOf(status);
  return { status, error: { message: failure.message, type, param, code: ownCode ?? code ?? failure.type } };
}

/** The same request may succeed later: the SDKs ask `x-should-retry` before they look at the status. */
export const mayRetry = (error: unknown): boolean =>
  !(error instanceof OpenAiRefusal) && asFailure(error).row.retryable;

function sendError(response: Response, cause: unknown): void {
  const { status, error } = openAiError(cause);
  response.setHeader('x-should-retry', String(mayRetry(cause)));
  response.status(status).set(retryAfter(status)).json({ error });
}

/** The one error handler of this front's addresses. */
export function openAiErrorHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const cause = isUndecodable(error) ? new Failure('not_found', 'no such model') : error;
    if (!(cause instanceof OpenAiRefusal) && isLogged(asFailure(cause))) {
      log.error({ err: error, path: request.path }, 'request failed');
    }
    sendError(response, cause);
  };
}

/** Express's own refusal of an address that cannot be decoded: it names nothing that is here. */
const isUndecodable = (error: unknown): boolean => error instanceof URIError;
