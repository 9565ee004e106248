/** The webhooks' workflows as a gateway sees them, in memory: a port's stand-in without Temporal. */
import { Failure } from '../../gateway/failures.ts';
import type {
  DisabledReceiver,
  Page,
  WebhooksPort,
  WebhookState,
  WebhookSummary,
} from '../../gateway/webhooks/port.ts';
import type { MessageView } from '../../workflows/webhook/contract.ts';

export class FakeWebhooks implements WebhooksPort {
  /** By tenant and id, oldest first. */
  readonly messages = new Map<string, MessageView>();
  readonly receivers = new Map<string, DisabledReceiver>();
  readonly asked: unknown[] = [];

  async list(
    tenant: string,
    state: WebhookState | null,
    limit: number,
    cursor: string | null,
  ): Promise<Page<WebhookSummary>> {
    await Promise.resolve();
    this.asked.push({ tenant, state, limit, cursor });
    const items = [...this.messages]
      .filter(([key, view]) => key.startsWith(`${tenant}/`) && (state === null || view.state === state))
      .map(([key, { event, type, session, url, receiver, state: now }]): WebhookSummary => ({
        id: key.split('/')[1] ?? '',
        type,
        session,
        url,
        receiver,
        state: now,
        startedAt: event?.timestamp ?? '2026-01-02T03:04:05.000Z',
        endedAt: null,
      }));
    return { items: items.slice(0, limit), cursor: items.length > limit ? 'more' : null };
  }

  async show(tenant: string, id: string): Promise<MessageView> {
    await Promise.resolve();
    const view = this.messages.get(`${tenant}/${id}`);
    if (view === undefined) throw new Failure('not_found', 'no such webhook');
    return view;
  }

  async sendAgain(tenant: string, id: string): Promise<MessageView> {
    const view = await this.show(tenant, id);
    if (view.state !== 'dead') throw new Failure('not_found', `no such dead letter: the webhook is ${view.state}`);
    const again: MessageView = { ...view, state: 'pending', reason: null, nextAttemptAt: new Date().toISOString() };
    this.messages.set(`${tenant}/${id}`, again);
    return again;
  }

  async disabled(tenant: string, limit: number): Promise<Page<DisabledReceiver>> {
    await Promise.resolve();
    const own = [...this.receivers].filter(([key]) => key.startsWith(`${tenant}/`)).map(([, receiver]) => receiver);
    return { items: own.slice(0, limit), cursor: null };
  }

  async enable(tenant: string, receiver: string): Promise<void> {
    await Promise.resolve();
    if (!this.receivers.delete(`${tenant}/${receiver}`)) throw new Failure('not_found', 'no such receiver is disabled');
  }
}
