/**
 * Webhooks: what is said of a session's end, or of its results as they come, to whom, and what became of it. Plain JSON: all
 * of it lives in a workflow's history. The secret that signs is in none of it.
 */
import type { SessionRef, SessionResult } from '../contract.ts';

/** Task queue of the orchestrator for what is sent to receivers: slow ones hold nothing else up. */
export const DELIVERY_QUEUE = 'orchestrator.deliver';

/** One message to one receiver is one workflow. */
export const webhookWorkflowId = (tenant: string, messageId: string): string => `webhook/${tenant}/${messageId}`;

/** A receiver that has said it is gone is a workflow, for as long as it is disabled. */
export const receiverWorkflowId = (tenant: string, receiver: string): string => `receiver/${tenant}/${receiver}`;

/** Id of a message: Standard Webhooks' `webhook-id`. */
export const MESSAGE_ID_PATTERN = /^msg_[0-9a-f]{32}$/;

/** Name of a receiver: the beginning of the SHA-256 of its address, in hexadecimal. */
export const RECEIVER_PATTERN = /^[0-9a-f]{32}$/;

/** Where news of a session's end go; part of a session's input. */
export interface WebhookTarget {
  readonly url: string;
  /** Matches {@link RECEIVER_PATTERN}: the same for the same address. */
  readonly receiver: string;
  /** When it is sent again, in milliseconds from the first time. */
  readonly retryMs: readonly number[];
  /** How long it can be sent again by hand once that is over. */
  readonly keepMs: number;
  /** Absent: a webhook of Longhand's own, signed. */
  readonly form?: ForeignForm;
}

/** A message as another service sends it (gateway/dialects): made of the transcript when it is sent, and not signed. */
export interface ForeignForm {
  readonly dialect: 'deepgram';
  readonly method: 'POST' | 'PUT';
  /** What the dialect needs to write it; plain JSON of its own. */
  readonly request: object;
}

export const WEBHOOK_TYPES = ['session.completed', 'session.failed', 'session.cancelled'] as const;
export type WebhookType = (typeof WEBHOOK_TYPES)[number];

/** A message tells of a session's end; or it is all results of a live session, sent one by one. */
export const MESSAGE_TYPES = [...WEBHOOK_TYPES, 'session.results'] as const;
export type MessageType = (typeof MESSAGE_TYPES)[number];

/** The body of a message. Thin: what was said is read from the session, by who may. */
export interface WebhookEvent {
  readonly type: WebhookType;
  /** When the session ended, ISO 8601. */
  readonly timestamp: string;
  readonly data: SessionFacts;
}

export interface SessionFacts {
  readonly id: string;
  readonly kind: 'live' | 'file';
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly model: string;
  readonly language: string;
  /** What its client wrote on it, each `key:value`. */
  readonly labels: readonly string[];
  readonly audioMs: number;
  readonly segments: number;
  /** A row of the table of failures. */
  readonly error: { readonly code: string; readonly detail: string | null } | null;
  /** Paths below the installation's own address; null where there is no transcript. */
  readonly links: { readonly session: string; readonly transcript: string | null };
}

export interface WebhookInput {
  readonly tenant: string;
  readonly messageId: string;
  readonly target: WebhookTarget;
  readonly event: WebhookEvent;
}

export interface DeliverArgs {
  readonly tenant: string;
  readonly messageId: string;
  readonly url: string;
  readonly receiver: string;
  readonly event: WebhookEvent;
  readonly form?: ForeignForm;
}

/** Who is sent the results of a live session as they come, one by one and in order; part of its input. */
export interface ResultsReceiver {
  /** Matches {@link MESSAGE_ID_PATTERN}. */
  readonly messageId: string;
  readonly target: WebhookTarget & { readonly form: ForeignForm };
}

export interface ResultsInput extends ResultsReceiver {
  readonly ref: SessionRef;
  /** A session of which nothing was heard for so long, in milliseconds, has ended without a word. */
  readonly maxSessionMs: number;
}

export type SessionEnd = Pick<SessionResult, 'state' | 'reason' | 'detail' | 'audioMs'>;

/** Signal `news`, which may be late or come twice: so many finals are committed; `end` once no more come. */
export interface ResultsNews {
  readonly count: number;
  readonly end: SessionEnd | null;
}
export const NEWS = 'news';

/** Results that there are, as far as is known: finals, and the end. */
export const resultsOf = ({ count, end }: ResultsNews): number => count + (end === null ? 0 : 1);

export interface DeliverResultsArgs extends ResultsReceiver, ResultsNews {
  readonly ref: SessionRef;
  /** Results that are received: finals, and after all of them the end. */
  readonly told: number;
}

/** How far it came, and with what the last attempt ended. */
export interface ResultsDelivery {
  readonly told: number;
  readonly outcome: DeliveryOutcome;
}

/** What came of sending it once. */
export type DeliveryOutcome = { readonly durationMs: number } & (
  | {
      readonly kind: 'answered';
      readonly status: number;
      /** As the receiver wishes; null when it says nothing. */
      readonly retryAfterMs: number | null;
    }
  /** No answer in time, no connection, or no certificate that is trusted. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** The address is none that may be spoken to. */
  | { readonly kind: 'forbidden'; readonly detail: string }
  /** The receiver has said earlier that it is gone: nothing was sent. */
  | { readonly kind: 'disabled' }
);

/** On {@link DELIVERY_QUEUE}. */
export interface DeliveryActivities {
  deliverWebhook(args: DeliverArgs): Promise<DeliveryOutcome>;
  /** Sends one result after the other, until there is none or one is not received. */
  deliverResults(args: DeliverResultsArgs): Promise<ResultsDelivery>;
}

/** Why a message is a dead letter; `unfinished`: its session was terminated in Temporal, and said no more. */
export const DEAD_REASONS = ['exhausted', 'gone', 'disabled', 'forbidden', 'unfinished'] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

/** One time that it was sent, or was to be. */
export interface DeliveryAttempt {
  /** Counts from 1. */
  readonly number: number;
  /** ISO 8601. */
  readonly at: string;
  readonly durationMs: number;
  /** HTTP status of the receiver; null when there was none. */
  readonly status: number | null;
  /** What went wrong; null when it was received. */
  readonly detail: string | null;
}

/** Query `message`. */
export interface MessageView {
  readonly state: 'pending' | 'delivered' | 'dead';
  readonly reason: DeadReason | null;
  /** ISO 8601; null when nothing more is sent by itself. */
  readonly nextAttemptAt: string | null;
  /** The latest ones, oldest first. */
  readonly attempts: readonly DeliveryAttempt[];
  readonly url: string;
  readonly receiver: string;
  readonly type: MessageType;
  readonly session: string;
  /** Null: results, which are made when they are sent. */
  readonly event: WebhookEvent | null;
  /** Results that the receiver has; null: it is told of the end alone. */
  readonly results: number | null;
}

/** Update `sendAgain`: refused with {@link NOT_DEAD} unless the message is a dead letter. */
export const SEND_AGAIN = 'sendAgain';
export const NOT_DEAD = 'NotDead';
export const MESSAGE_QUERY = 'message';

export interface ReceiverInput {
  readonly tenant: string;
  readonly receiver: string;
  readonly url: string;
  /** The message that it answered with 410. */
  readonly messageId: string;
}

/** Signal `enable`: the receiver is sent to again. */
export const ENABLE = 'enable';

/** What lists show of a message, from its memo. */
export interface MessageMemo {
  readonly type: MessageType;
  readonly session: string;
  readonly url: string;
  readonly receiver: string;
}
