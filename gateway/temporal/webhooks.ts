/** Webhooks as workflows: lists out of Temporal's visibility, and what may be asked of one. */
import type { Client, WorkflowHandle } from '@temporalio/client';
import { WORKFLOW } from '../../workflows/contract.ts';
import {
  ENABLE,
  MESSAGE_QUERY,
  NOT_DEAD,
  SEND_AGAIN,
  receiverWorkflowId,
  webhookWorkflowId,
} from '../../workflows/webhook/contract.ts';
import type { MessageMemo, MessageView } from '../../workflows/webhook/contract.ts';
import { Failure } from '../failures.ts';
import type { DisabledReceiver, Page, WebhooksPort, WebhookState, WebhookSummary } from '../webhooks/port.ts';
import { Calls } from './calls.ts';
import { refusalOf } from './errors.ts';
import { isoTime, quoted, Visibility } from './visibility.ts';
import type { Row } from './visibility.ts';

export class TemporalWebhooks implements WebhooksPort {
  readonly #client: Client;
  readonly #calls: Calls;
  readonly #visibility: Visibility;

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#calls = new Calls(client, deadlineMs, 'no such webhook');
    this.#visibility = new Visibility(client);
  }

  async list(
    tenant: string,
    state: WebhookState | null,
    limit: number,
    cursor: string | null,
  ): Promise<Page<WebhookSummary>> {
    const ofState = state === null ? '' : ` AND LonghandState = ${quoted(state)}`;
    // A dead letter that is not kept any more cannot be sent again: it is no longer one of the list.
    const isKept = state === 'dead' ? ` AND ExecutionStatus = 'Running'` : '';
    const which = `${ofTenant([WORKFLOW.webhook, WORKFLOW.results], tenant)}${ofState}${isKept}`;
    const { rows, cursor: next } = await this.#calls.ask(() =>
      this.#visibility.page(`${which} AND ExecutionStatus != 'ContinuedAsNew'`, limit, cursor),
    );
    return { items: rows.map(summaryOf), cursor: next };
  }

  show(tenant: string, id: string): Promise<MessageView> {
    return this.#calls.ask(() => this.#message(tenant, id).query<MessageView>(MESSAGE_QUERY));
  }

  async sendAgain(tenant: string, id: string): Promise<MessageView> {
    const none = 'no such dead letter';
    try {
      return await this.#calls.ask(() => this.#message(tenant, id).executeUpdate<MessageView, []>(SEND_AGAIN), none);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.type === NOT_DEAD) throw new Failure('not_found', `${none}: ${refusal.message}`);
      throw error;
    }
  }

  async disabled(tenant: string, limit: number, cursor: string | null): Promise<Page<DisabledReceiver>> {
    const which = `${ofTenant([WORKFLOW.receiver], tenant)} AND ExecutionStatus = 'Running'`;
    const page = await this.#calls.ask(() => this.#visibility.page(which, limit, cursor));
    return { items: page.rows.map(receiverOf), cursor: page.cursor };
  }

  async enable(tenant: string, receiver: string): Promise<void> {
    const handle = this.#client.workflow.getHandle(receiverWorkflowId(tenant, receiver));
    await this.#calls.ask(() => handle.signal(ENABLE), 'no such receiver is disabled');
  }

  #message(tenant: string, id: string): WorkflowHandle {
    return this.#client.workflow.getHandle(webhookWorkflowId(tenant, id));
  }
}

const ofTenant = (types: readonly string[], tenant: string): string =>
  `WorkflowType IN (${types.map(quoted).join(', ')}) AND LonghandTenant = ${quoted(tenant)}`;

/** The part of a workflow id after `webhook/<tenant>/` or `receiver/<tenant>/`. */
const idOf = ({ workflowId }: Row): string => workflowId.split('/').at(-1) ?? '';

const startOf = ({ startMs }: Row): string => new Date(startMs).toISOString();

function summaryOf(row: Row): WebhookSummary {
  const { type, session, url, receiver } = row.memo['message'] as MessageMemo;
  const state = row.attributes['LonghandState'] as WebhookState;
  return { id: idOf(row), type, session, url, receiver, state, startedAt: startOf(row), endedAt: isoTime(row.closeMs) };
}

function receiverOf(row: Row): DisabledReceiver {
  const { url, messageId } = row.memo['receiver'] as { url: string; messageId: string };
  return { id: idOf(row), url, webhook: messageId, disabledAt: startOf(row) };
}
