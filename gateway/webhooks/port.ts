/** What the gateway needs for webhooks; the entry point puts the adapters in. */
import type { MessageMemo, MessageView } from '../../workflows/webhook/contract.ts';

/** Decides which addresses that a client names may be spoken to (infra/outbound). */
export interface OutboundPort {
  /** Null, or why not, as the end of a sentence that may be shown. */
  refusal(url: string): Promise<string | null>;
}

export interface WebhookSettings {
  /** Receiver of sessions that name none. */
  readonly defaultUrl: string | null;
  /** There is a secret to sign with. */
  readonly isSigned: boolean;
  readonly retryMs: readonly number[];
  readonly keepMs: number;
}

export type WebhookState = MessageView['state'];

export interface WebhookSummary extends MessageMemo {
  readonly id: string;
  readonly state: WebhookState;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface DisabledReceiver {
  readonly id: string;
  readonly url: string;
  /** The webhook that it answered with 410. */
  readonly webhook: string;
  readonly disabledAt: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Null on the last page. */
  readonly cursor: string | null;
}

/** The webhooks' workflows (gateway/temporal/webhooks.ts). Every call fails with a Failure that a client may see. */
export interface WebhooksPort {
  /** Newest first. @param state null: all of them */
  list(tenant: string, state: WebhookState | null, limit: number, cursor: string | null): Promise<Page<WebhookSummary>>;
  show(tenant: string, id: string): Promise<MessageView>;
  /** Fails with `not_found` unless it is a dead letter. */
  sendAgain(tenant: string, id: string): Promise<MessageView>;
  disabled(tenant: string, limit: number, cursor: string | null): Promise<Page<DisabledReceiver>>;
  enable(tenant: string, receiver: string): Promise<void>;
}
