/** Sends webhooks, signed as Standard Webhooks 1.0.0 says; and results of live sessions, as other services do. */
import { Context } from '@temporalio/activity';
import { Webhook } from 'standardwebhooks';
import type {
  DeliverArgs,
  DeliverResultsArgs,
  DeliveryActivities,
  DeliveryOutcome,
  ForeignForm,
  ResultsDelivery,
  WebhookEvent,
} from '../workflows/webhook/contract.ts';
import { resultsOf } from '../workflows/webhook/contract.ts';
import { isSuccess } from '../workflows/webhook/delivery.ts';

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
  /** The bodies of the next results from `told` on: at least one, and not always all. */
  foreignResults(args: DeliverResultsArgs): Promise<readonly string[]>;
}

const BEAT_MS = 1000;
/** After so long what is left is left to the next attempt. */
const RESULTS_TURN_MS = 30_000;

/** It may run again with the same arguments: a receiver knows a message by its id. */
export function createWebhooks(ports: WebhookPorts): DeliveryActivities {
  return {
    deliverWebhook: (args) => beating((signal) => deliver(ports, args, signal)),
    deliverResults: (args) => {
      const context = Context.current();
      // What an orchestrator that died had got through is not sent again, but for the last of it.
      const begun: unknown = context.info.heartbeatDetails;
      const told = typeof begun === 'number' ? Math.max(begun, args.told) : args.told;
      return beating((signal, beat) => deliverResults(ports, { ...args, told }, signal, beat));
    },
  };
}

/** @param run says in its heartbeats how far it came */
async function beating<T>(run: (signal: AbortSignal, beat: (details: unknown) => void) => Promise<T>): Promise<T> {
  const context = Context.current();
  let latest: unknown;
  const beat = (details: unknown): void => context.heartbeat((latest = details));
  const timer = setInterval(() => beat(latest), BEAT_MS);
  try {
    return await run(context.cancellationSignal, beat);
  } finally {
    clearInterval(timer);
  }
}

async function deliver(ports: WebhookPorts, args: DeliverArgs, signal: AbortSignal): Promise<DeliveryOutcome> {
  if (await ports.isDisabled(args.tenant, args.receiver)) return { kind: 'disabled', durationMs: 0 };
  const message = await messageOf(ports, args);
  // Without its secret, for some reason, nothing is sent: a receiver could not believe it.
  if (message === null) return { kind: 'unreachable', detail: 'no secret to sign with', durationMs: 0 };
  return send(ports, { url: args.url, ...message }, signal);
}

async function deliverResults(
  ports: WebhookPorts,
  args: DeliverResultsArgs,
  signal: AbortSignal,
  beat: (told: number) => void,
): Promise<ResultsDelivery> {
  const { ref, messageId, target } = args;
  const untilMs = performance.now() + RESULTS_TURN_MS;
  let { told } = args;
  // Also for who takes over from this one, before anything more is received.
  beat(told);
  const isDisabled = await ports.isDisabled(ref.tenant, target.receiver);
  if (isDisabled) return { told, outcome: { kind: 'disabled', durationMs: 0 } };
  for (;;) {
    for (const body of await ports.foreignResults({ ...args, told })) {
      const request = foreign(target.form, body, { 'webhook-id': `${messageId}.${told}` });
      const outcome = await send(ports, { url: target.url, ...request }, signal);
      if (outcome.kind !== 'answered' || !isSuccess(outcome.status)) return { told, outcome };
      beat((told += 1));
      if (told >= resultsOf(args) || performance.now() > untilMs) return { told, outcome };
    }
  }
}

const foreign = ({ method }: ForeignForm, body: string, headers: Readonly<Record<string, string>> = {}) => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body,
});

type Request = Omit<Parameters<WebhookPorts['http']['post']>[0], 'timeoutMs' | 'signal'>;

async function send(ports: WebhookPorts, request: Request, signal: AbortSignal): Promise<DeliveryOutcome> {
  const begunMs = performance.now();
  const durationMs = (): number => Math.round(performance.now() - begunMs);
  try {
    const { status, retryAfter } = await ports.http.post({ ...request, timeoutMs: ports.timeoutMs, signal });
    return { kind: 'answered', status, retryAfterMs: retryAfterMs(retryAfter, Date.now()), durationMs: durationMs() };
  } catch (error) {
    if (signal.aborted) throw error;
    return { ...failureOf(error, ports.timeoutMs), durationMs: durationMs() };
  }
}

/** What is sent; null when it cannot be signed. */
async function messageOf(ports: WebhookPorts, { tenant, messageId, event, form }: DeliverArgs) {
  if (form !== undefined) {
    return foreign(form, await ports.foreignBody(form, tenant, event));
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
