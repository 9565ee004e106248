/** Failures in Deepgram's words: https://developers.deepgram.com/docs/errors. */
import type { Failure, FailureType } from '../../failures.ts';

/** Older errors have a code, newer ones a category; the SDKs know both. */
export type ErrorBody =
  | { readonly err_code: string; readonly err_msg: string; readonly request_id: string }
  | { readonly category: string; readonly message: string; readonly details: string; readonly request_id: string };

interface Said {
  readonly status: number;
  readonly code: string;
  readonly says: string;
}

/** Failures that Deepgram has words of its own for; of the others it is told ours. */
const SAID: Partial<Record<FailureType, Said>> = {
  unknown_parameter: { status: 400, code: 'INVALID_QUERY_PARAMETER', says: 'Failed to deserialize query parameters' },
  invalid_parameter: { status: 400, code: 'INVALID_QUERY_PARAMETER', says: 'Failed to deserialize query parameters' },
  unknown_model: {
    status: 400,
    code: 'Bad Request',
    says: 'Bad Request: No such model/language/tier combination found',
  },
  unknown_language: {
    status: 400,
    code: 'Bad Request',
    says: 'Bad Request: No such model/language/tier combination found',
  },
  unsupported_audio: {
    status: 400,
    code: 'Bad Request',
    says: 'Bad Request: failed to process audio: corrupt or unsupported data',
  },
  empty_audio: {
    status: 400,
    code: 'Bad Request',
    says: 'Bad Request: failed to process audio: corrupt or unsupported data',
  },
  invalid_upload: { status: 400, code: 'Bad Request', says: 'Bad Request' },
  incomplete_upload: { status: 400, code: 'Bad Request', says: 'Bad Request' },
  fetch_failed: { status: 400, code: 'REMOTE_CONTENT_ERROR', says: 'The remote content cannot be had' },
  forbidden_address: { status: 400, code: 'REMOTE_CONTENT_ERROR', says: 'The remote content cannot be had' },
  upload_too_large: { status: 413, code: 'PAYLOAD_TOO_LARGE', says: 'Payload too large' },
  too_long: { status: 413, code: 'PAYLOAD_TOO_LARGE', says: 'Payload too large' },
  queue_full: { status: 429, code: 'TOO_MANY_REQUESTS', says: 'Too many requests. Please try again later' },
  rate_limit: { status: 429, code: 'TOO_MANY_REQUESTS', says: 'Too many requests. Please try again later' },
  tenant_limit: { status: 429, code: 'TOO_MANY_REQUESTS', says: 'Too many requests. Please try again later' },
};

export const statusOf = ({ type, row }: Failure): number => SAID[type]?.status ?? row.httpStatus;

export function errorBody(failure: Failure, requestId: string): ErrorBody {
  const { type, message } = failure;
  if (type === 'invalid_message') {
    return { category: 'INVALID_JSON', message: 'Invalid JSON submitted.', details: message, request_id: requestId };
  }
  const { code, says } = SAID[type] ?? { code: type.toUpperCase(), says: failure.row.title };
  return { err_code: code, err_msg: `${says}: ${message}`, request_id: requestId };
}

/** What is told of a failure while audio is live. */
export const errorMessage = ({ type, message }: Failure, reason: string) => ({
  type: 'Error',
  variant: type,
  description: message,
  message: reason,
});

/** An error as a header may hold it: one line of ASCII, not endless. */
export const headerText = (text: string): string => text.replaceAll(/[^\x20-\x7e]+/g, ' ').slice(0, 500);
