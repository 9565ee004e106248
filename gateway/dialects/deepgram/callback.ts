/** A pre-recorded result that is sent to an address of the client's: https://developers.deepgram.com/docs/callback. */
import { createHash } from 'node:crypto';
import type { TranscriptDocument } from '../../../workflows/contract.ts';
import type { WebhookTarget } from '../../../workflows/webhook/contract.ts';
import { Failure, isFailureType } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import { errorBody } from './errors.ts';
import { listenResponse } from './response.ts';
import type { ListenFacts, ListenOptions } from './response.ts';

/** Where and how a result is to be sent. */
export interface CallbackAddress {
  readonly url: string;
  readonly method: 'POST' | 'PUT';
}

/** What the result is written with; plain JSON that travels with the session. */
export interface CallbackRequest {
  readonly facts: ListenFacts;
  readonly options: ListenOptions;
}

/** Deepgram tries ten times more, 30 s apart. */
const RETRIES = 10;
const RETRY_MS = 30_000;
const RECEIVER_LENGTH = 32;

/** @throws Failure for an address that is none to speak to */
export async function refuseCallback({ outbound }: Pick<Gateway, 'outbound'>, { url }: CallbackAddress): Promise<void> {
  const refusal = await outbound.refusal(url);
  if (refusal !== null) throw new Failure('invalid_parameter', `callback: the address ${refusal}`);
}

/** @param address one that was not refused */
export function callbackTarget(
  { settings }: Pick<Gateway, 'settings'>,
  { url, method }: CallbackAddress,
  request: CallbackRequest,
): WebhookTarget {
  const { href } = new URL(url);
  return {
    url: href,
    receiver: createHash('sha256').update(href).digest('hex').slice(0, RECEIVER_LENGTH),
    retryMs: Array.from({ length: RETRIES }, (_, i) => (i + 1) * RETRY_MS),
    keepMs: settings.webhooks.keepMs,
    form: { dialect: 'deepgram', method, request },
  };
}

/** The body that is sent: the answer that the client would have had. @param error why there is no transcript */
export function deepgramCallback(
  { facts, options }: CallbackRequest,
  document: TranscriptDocument | null,
  error: { readonly code: string; readonly detail: string | null } | null,
): object {
  if (document !== null) return listenResponse(document, facts, options);
  const type = error !== null && isFailureType(error.code) ? error.code : 'session_failed';
  return errorBody(new Failure(type, error?.detail ?? 'the session ended without a transcript'), facts.requestId);
}
