/** Results that are sent to an address of the client's: https://developers.deepgram.com/docs/callback. */
import type { Segment, TranscriptDocument } from '../../../workflows/contract.ts';
import type { ForeignForm, SessionEnd, WebhookTarget } from '../../../workflows/webhook/contract.ts';
import { Failure, isFailureType } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import { shown } from '../../protocol.ts';
import { receiverOf } from '../../webhooks/target.ts';
import { errorBody, errorMessage } from './errors.ts';
import { metadataMessage, resultsMessage } from './messages.ts';
import type { About } from './messages.ts';
import type { Parameters } from './parameters.ts';
import { listenResponse } from './response.ts';
import type { ListenFacts, ListenOptions } from './response.ts';
import { alternativeOf } from './words.ts';

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

/** What the results of live audio are written with. */
export interface LiveCallbackRequest {
  readonly about: About;
  /** ISO 8601. */
  readonly created: string;
  readonly punctuate: boolean;
}

/** Deepgram tries ten times more, 30 s apart. */
const RETRIES = 10;
const RETRY_MS = 30_000;

/**
 * The parameters `callback` and `callback_method`; null: none is asked for.
 * @throws Failure that says what is allowed
 */
export function callbackOf(parameters: Parameters): CallbackAddress | null {
  const url = parameters.text('callback');
  const method = parameters.text('callback_method')?.toUpperCase() ?? 'POST';
  if (url !== null) return { url, method: method === 'PUT' ? 'PUT' : 'POST' };
  if (parameters.text('callback_method') === null) return null;
  throw new Failure('invalid_parameter', 'callback_method: only with callback');
}

/** Before a WebSocket is opened; which addresses may be spoken to is asked when it is. @throws Failure */
export function liveCallbackOf(parameters: Parameters): CallbackAddress | null {
  const callback = callbackOf(parameters);
  if (callback === null || /^https?:$/.test(URL.parse(callback.url)?.protocol ?? '')) return callback;
  const why = 'no address that begins with https: or http: (ws: and wss: are not supported)';
  throw new Failure('invalid_parameter', `callback: ${shown(callback.url)} is ${why}`);
}

/** @param address one that was not refused, or will be before it is used */
export function callbackTarget(
  { settings }: { readonly settings: Pick<Gateway['settings'], 'webhooks'> },
  { url, method }: CallbackAddress,
  request: CallbackRequest | LiveCallbackRequest,
): WebhookTarget & { readonly form: ForeignForm } {
  const { href } = new URL(url);
  return {
    url: href,
    receiver: receiverOf(href),
    retryMs: Array.from({ length: RETRIES }, (_, i) => (i + 1) * RETRY_MS),
    keepMs: settings.webhooks.keepMs,
    form: { dialect: 'deepgram', method, request },
  };
}

const failureOf = (code: string | null, detail: string | null): Failure =>
  new Failure(isFailureType(code) ? code : 'session_failed', detail ?? 'the session ended without a transcript');

/** The body that is sent: the answer that the client would have had. @param error why there is no transcript */
export function deepgramCallback(
  { facts, options }: CallbackRequest,
  document: TranscriptDocument | null,
  error: { readonly code: string; readonly detail: string | null } | null,
): object {
  if (document !== null) return listenResponse(document, facts, options);
  return errorBody(failureOf(error?.code ?? null, error?.detail ?? null), facts.requestId);
}

/** A final of live audio, as it is sent. */
export function deepgramResult({ about, punctuate }: LiveCallbackRequest, segment: Segment): object {
  const { index, startMs, endMs } = segment;
  const alternative = alternativeOf([segment], punctuate);
  const warnings = index === 0 ? about.warnings : [];
  return resultsMessage({ ...about, warnings }, { startMs, endMs, alternative, isFinal: true });
}

/** What is sent last. */
export function deepgramEnd({ about, created }: LiveCallbackRequest, end: SessionEnd): object {
  const { state, reason, detail, audioMs } = end;
  if (state === 'failed') {
    const failure = failureOf(reason, detail);
    return errorMessage(failure, `${failure.type}: ${failure.message}`);
  }
  const [, channels] = about.place;
  // No one connection need have heard all of the audio.
  const message = metadataMessage(about, { sha256: null, created, audioMs, channels });
  return channels === 1 ? message : { ...message, channel_index: about.place };
}
