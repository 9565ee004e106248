/** Sends one webhook once, signed as Standard Webhooks 1.0.0 says. */
import { Context } from '@temporalio/activity';
import { Webhook } from 'standardwebhooks';
import type {
  DeliverArgs,
  DeliveryActivities,
  DeliveryOutcome,
  ForeignForm,
  WebhookEvent,
} from '../workflows/webhook/contract.ts';

/** What sending webhooks needs. */
export interface WebhookPorts {
  readonly http: {
    /** An address that may not be spoken to fails with `reason` `forbidden_address`; its message may be shown. */
    post(request: {
      readonly url: string;
      readonly method?: 'POST' | 'PUT';
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    }): Promise<{ readonly status: number; readonly retryAfter: string | null }>;
  };
  /** `whsec_…`: the first one is the present one; each signs. */
  readonly secrets: readonly string[];
  /** Whether this receiver has said that it is gone. */
  isDisabled(tenant: string, receiver: string): Promise<boolean>;
  /** How long a receiver may take to answer. */
  readonly timeoutMs: number;
  /** The body of a message in another service's form. */
  foreignBody(form: ForeignForm, tenant: string, event: WebhookEvent): Promise<string>;
}

const BEAT_MS = 1000;

/** It may run again with the same arguments: a receiver knows a message by its id. */
export function createWebhooks(ports: WebhookPorts): DeliveryActivities {
  return {
    deliverWebhook: async (args) => {
      const context = Context.current();
      const beat = setInterval(() => context.heartbeat(), BEAT_MS);
      try {
        return await deliver(ports, args, context.cancellationSignal);
      } finally {
        clearInterval(beat);
      }
    },
  };
}

async function deliver(ports: WebhookPorts, args: DeliverArgs, signal: AbortSignal): Promise<DeliveryOutcome> {
  const begunMs = performance.now();
  const durationMs = (): number => Math.round(performance.now() - begunMs);
  if (await ports.isDisabled(args.tenant, args.receiver)) return { kind: 'disabled', durationMs: durationMs() };
  const message = await messageOf(ports, args);
  // Without its secret, for some reason, nothing is sent: a receiver could not believe it.
  if (message === null) return { kind: 'unreachable', detail: 'no secret to sign with', durationMs: 0 };
  try {
    const { status, retryAfter } = await ports.http.post({
      url: args.url,
      ...message,
      timeoutMs: ports.timeoutMs,
      signal,
    });
    return { kind: 'answered', status, retryAfterMs: retryAfterMs(retryAfter, Date.now()), durationMs: durationMs() };
  } catch (error) {
    if (signal.aborted) throw error;
    return { ...failureOf(error, ports.timeoutMs), durationMs: durationMs() };
  }
}

/** What is sent; null when it cannot be signed. */
async function messageOf(ports: WebhookPorts, { tenant, messageId, event, form }: DeliverArgs) {
  if (form !== undefined) {
    const body = await ports.foreignBody(form, tenant, event);
    return { method: form.method, headers: { 'content-type': 'application/json' }, body };
  }
  if (ports.secrets.length === 0) return null;
  const body = JSON.stringify(event);
  return { headers: signedHeaders(ports.secrets, messageId, new Date(), body), body };
}

function signedHeaders(
  secrets: readonly string[],
  messageId: string,
  now: Date,
  body: string,
): Readonly<Record<string, string>> {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(messageId, now, body));
  return {
    'content-type': 'application/json',
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}

/** The header `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as milliseconds from now; null when it says nothing. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs);
}

/** What may be shown to the owner of the session: nothing of the network in between. */
function failureOf(error: unknown, timeoutMs: number) {
  if (!(error instanceof Error)) return { kind: 'unreachable', detail: 'the receiver is not reached' } as const;
  if ('reason' in error && error.reason === 'forbidden_address') {
    return { kind: 'forbidden', detail: error.message } as const;
  }
  if (error.name === 'TimeoutError') {
    return { kind: 'unreachable', detail: `the receiver has not answered within ${timeoutMs} ms` } as const;
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return { kind: 'unreachable', detail: `the receiver is not reached: ${code}` } as const;
}
