/**
 * Every way in which a request or a connection can fail: one row each. The same table answers HTTP (problem+json, RFC
 * 9457), closes WebSockets, and is printed in docs/protocol.md (kept equal by a test).
 */

interface Row {
  /** The same request may succeed later. */
  readonly retryable: boolean;
  readonly httpStatus: number;
  /** WebSocket close code: RFC 6455 and the IANA registry, or 4400-4499 of our own. */
  readonly closeCode: number;
  readonly title: string;
}

const row = (retryable: boolean, httpStatus: number, closeCode: number, title: string): Row => ({
  retryable,
  httpStatus,
  closeCode,
  title,
});

export const FAILURES = {
  unknown_parameter: row(false, 400, 4400, 'a parameter that does not exist'),
  invalid_parameter: row(false, 400, 4400, 'a parameter with a value that is not allowed'),
  unknown_model: row(false, 400, 4400, 'a model that is not served here'),
  unknown_language: row(false, 400, 4400, 'a language that the model does not know'),
  invalid_message: row(false, 400, 1003, 'a text message that is not one of the protocol'),
  empty_audio: row(false, 400, 4400, 'a file without audio'),
  invalid_upload: row(false, 400, 4400, 'a request body that is not one audio file'),
  incomplete_upload: row(true, 400, 4400, 'a request body that ended early'),
  forbidden_address: row(false, 400, 4400, 'an address that Longhand does not speak to'),
  foreign_origin: row(false, 403, 4403, 'a web page of another site'),
  not_found: row(false, 404, 4404, 'no such session or page'),
  method_not_allowed: row(false, 405, 4405, 'a method that this address does not know'),
  not_acceptable: row(false, 406, 4406, 'a format of answer that does not exist'),
  idle_timeout: row(true, 408, 4408, 'a client that sent nothing, not even a pong'),
  superseded: row(false, 409, 4409, 'a newer connection has taken the session over'),
  format_changed: row(false, 409, 4415, 'another audio format than the session was started with'),
  session_exists: row(false, 409, 4416, 'a session with this id exists already'),
  wrong_state: row(false, 409, 4440, 'something that a session in its present state cannot do'),
  not_streaming: row(true, 409, 4418, 'a session that no worker serves at present'),
  not_finished: row(true, 409, 4417, 'the transcript is not written yet'),
  upload_used: row(false, 409, 4419, 'an upload that another session was started from'),
  upload_incomplete: row(true, 409, 4420, 'an upload that has not come whole yet'),
  frame_too_large: row(false, 413, 1009, 'a message larger than the limit'),
  upload_too_large: row(false, 413, 1009, 'a file larger than the limit'),
  too_long: row(false, 413, 1009, 'audio longer than the limit'),
  unsupported_audio: row(false, 415, 1003, 'data that cannot be decoded as audio'),
  fetch_failed: row(true, 422, 4423, 'a file that could not be fetched from its address'),
  unknown_host: row(false, 421, 4421, 'a host name that is not this gateway'),
  idempotency_mismatch: row(false, 422, 4422, 'an Idempotency-Key that was used for another request'),
  not_presignable: row(false, 501, 4451, 'a presigned upload, where the storage signs no addresses'),
  slow_reader: row(true, 429, 4429, 'a client that does not read what it is sent'),
  rate_limit: row(true, 429, 1008, 'more requests, or tiny messages, than are taken in a time'),
  tenant_limit: row(true, 429, 1013, 'more live sessions of one tenant than are allowed to be open'),
  internal: row(true, 500, 1011, 'a fault of the service'),
  engine_failed: row(false, 500, 4425, 'the recogniser failed again and again'),
  storage_corruption: row(false, 500, 4426, 'stored data that is not what was written'),
  session_failed: row(false, 500, 4424, 'a session that failed, or was ended from outside'),
  shutting_down: row(true, 503, 1012, 'this gateway is ending: connect again'),
  too_many_streams: row(true, 503, 1013, 'more readers of events than a gateway takes'),
  queue_full: row(true, 503, 1013, 'more sessions wait for a worker than are allowed to'),
  decoder_limit: row(true, 503, 1013, 'more live streams to decode than a gateway takes'),
  temporal_unavailable: row(true, 503, 1013, 'Temporal does not answer'),
  storage_unavailable: row(true, 503, 1013, 'the storage does not answer'),
  storage_full: row(true, 507, 1013, 'the storage has no room left'),
} as const satisfies Record<string, Row>;

export type FailureType = keyof typeof FAILURES;

/** A failure that may be shown to the client: the detail says what was wrong and what is allowed. */
export class Failure extends Error {
  override name = 'Failure';
  readonly type: FailureType;

  constructor(type: FailureType, detail: string) {
    super(detail);
    this.type = type;
  }

  get row(): Row {
    return FAILURES[this.type];
  }
}

export const isFailureType = (type: string | null): type is FailureType =>
  type !== null && Object.hasOwn(FAILURES, type);

/** Storage says why it failed in `reason` (infra/objects/storage-error.ts). */
const reasonOf = (error: unknown): unknown => (error instanceof Error && 'reason' in error ? error.reason : null);

/** Storage gave back something else than was written. */
export const isStorageDamage = (error: unknown): boolean => reasonOf(error) === 'storage_corruption';

/** Of what the storage says a client is told what it may wait for, and what it must not believe. */
const STORAGE_DETAILS: Partial<Record<FailureType, string>> = {
  storage_unavailable: 'the storage does not answer: try again later',
  storage_full: 'the storage has no room left: try again when there is some',
  storage_corruption: 'what the storage holds is not what was written',
};

/** What may be said of any error: a failure as it is, anything else without its message. */
export function asFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const reason = reasonOf(error);
  const detail = typeof reason === 'string' && isFailureType(reason) ? STORAGE_DETAILS[reason] : undefined;
  if (detail !== undefined) return new Failure(reason as FailureType, detail);
  return new Failure('internal', 'the service failed; the fault is in its log');
}

/** The table of docs/protocol.md. */
export function failureTable(): string {
  const rows = Object.entries(FAILURES).map(
    ([type, { retryable, httpStatus, closeCode, title }]) =>
      `| \`${type}\` | ${retryable ? 'yes' : 'no'} | ${httpStatus} | ${closeCode} | ${title} |`,
  );
  return ['| code | retryable | HTTP | close | what |', '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}
