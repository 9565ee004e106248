/** One webhook, once: what the receiver is sent, and what comes of each thing that it may do. */
import { createHmac } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createWebhooks, retryAfterMs } from '../../activities/webhook.ts';
import type { WebhookPorts } from '../../activities/webhook.ts';
import type {
  DeliverArgs,
  DeliverResultsArgs,
  DeliveryOutcome,
  ResultsDelivery,
} from '../../workflows/webhook/contract.ts';

const SECRETS = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`);
const args: DeliverArgs = {
  tenant: 't',
  messageId: `msg_${'a'.repeat(32)}`,
  url: 'https://hooks.example/x',
  receiver: 'b'.repeat(32),
  event: {
    type: 'session.completed',
    timestamp: '2026-01-02T03:04:05.000Z',
    data: {
      id: 'grüße',
      kind: 'live',
      state: 'completed',
      model: 'en',
      language: 'en',
      labels: [],
      audioMs: 1,
      segments: 1,
      error: null,
      links: { session: '/v1/sessions/s', transcript: null },
    },
  },
};

type Sent = Parameters<WebhookPorts['http']['post']>[0];

async function deliver(
  answer: () => Promise<{ status: number; retryAfter: string | null }>,
  ports: Partial<WebhookPorts> = {},
): Promise<{ outcome: DeliveryOutcome; sent: Sent[] }> {
  const sent: Sent[] = [];
  const http = {
    post: (request: Sent) => {
      sent.push(request);
      return answer();
    },
  };
  const own = { http, secrets: SECRETS, isDisabled: () => Promise.resolve(false), timeoutMs: 500 };
  const none = () => Promise.reject(new Error('no form is asked for'));
  const activities = createWebhooks({ ...own, foreignBody: none, foreignResults: none, ...ports });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  return { outcome: await environment.run((given: DeliverArgs) => activities.deliverWebhook(given), args), sent };
}
const status = (code: number, retryAfter: string | null = null) =>
  deliver(() => Promise.resolve({ status: code, retryAfter }));
const failing = (error: Error) => deliver(() => Promise.reject(error));

test('it is signed by each secret, over id, time and the very body', async () => {
  const { sent } = await status(204);
  const { headers, body, url, timeoutMs } = sent[0] as Sent;
  expect({ url, timeoutMs, sent: sent.length }).toEqual({ url: args.url, timeoutMs: 500, sent: 1 });
  expect(JSON.parse(body)).toEqual(args.event);
  expect(headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': args.messageId });
  const signed = SECRETS.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const content = `${args.messageId}.${headers['webhook-timestamp'] ?? ''}.${body}`;
    return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
  });
  expect(headers['webhook-signature']).toBe(signed.join(' '));
});

test('an answer is told as it is, with the pause that the receiver wishes for', async () => {
  expect((await status(204)).outcome).toMatchObject({ kind: 'answered', status: 204, retryAfterMs: null });
  expect((await status(429, '7')).outcome).toMatchObject({ kind: 'answered', status: 429, retryAfterMs: 7000 });
});

test('what goes wrong is told without a word of the network in between', async () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:443'), { code: 'ECONNREFUSED' });
  expect((await failing(refused)).outcome).toMatchObject({
    kind: 'unreachable',
    detail: 'the receiver is not reached: ECONNREFUSED',
  });
  const late = Object.assign(new Error('aborted'), { name: 'TimeoutError' });
  expect((await failing(late)).outcome).toMatchObject({ detail: 'the receiver has not answered within 500 ms' });
  const inside = Object.assign(new Error('leads inside'), { reason: 'forbidden_address' });
  expect((await failing(inside)).outcome).toMatchObject({ kind: 'forbidden', detail: 'leads inside' });
});

test('a receiver that is disabled is sent nothing, and nothing goes out unsigned', async () => {
  const answer = () => Promise.resolve({ status: 204, retryAfter: null });
  const disabled = await deliver(answer, {
    isDisabled: (tenant, receiver) => Promise.resolve(tenant === 't' && receiver === args.receiver),
  });
  expect(disabled).toMatchObject({ outcome: { kind: 'disabled' }, sent: [] });
  expect(await deliver(answer, { secrets: [] })).toMatchObject({ outcome: { kind: 'unreachable' }, sent: [] });
});

test('where Temporal cannot say whether a receiver is disabled, the attempt is made again, not counted', async () => {
  const away = () => Promise.reject(new Error('UNAVAILABLE'));
  await expect(deliver(() => Promise.reject(new Error()), { isDisabled: away })).rejects.toThrow('UNAVAILABLE');
});

test.each([
  ['120', 120_000],
  ['0', 0],
  ['Fri, 02 Jan 2026 03:05:05 GMT', 60_000],
  ['Fri, 02 Jan 2026 03:00:00 GMT', 0],
  ['soon', null],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(retryAfterMs(header, Date.parse('2026-01-02T03:04:05Z'))).toBe(ms);
});

describe('results, one by one', () => {
  const results: DeliverResultsArgs = {
    ref: { tenant: 't', id: 's' },
    messageId: args.messageId,
    target: {
      ...{ url: args.url, receiver: args.receiver, retryMs: [], keepMs: 1 },
      form: { dialect: 'deepgram', method: 'PUT', request: {} },
    },
    ...{ told: 0, count: 3, end: null },
  };
  const END = { state: 'completed', reason: null, detail: null, audioMs: 1 } as const;

  /** @param heartbeatDetails of an earlier try. */
  async function deliverAll(given: Partial<DeliverResultsArgs>, statuses: number[] = [], heartbeatDetails?: unknown) {
    const sent: Sent[] = [];
    const beats: unknown[] = [];
    const activities = createWebhooks({
      http: {
        post: (request: Sent) => {
          sent.push(request);
          return Promise.resolve({ status: statuses.shift() ?? 204, retryAfter: null });
        },
      },
      ...{ secrets: SECRETS, timeoutMs: 500 },
      isDisabled: (_tenant, receiver) => Promise.resolve(receiver === 'gone'),
      foreignBody: () => Promise.reject(new Error('the end is not told')),
      // Two at a time.
      foreignResults: ({ told, count, end }) => {
        const left = [...Array(count).keys()].slice(told, told + 2).map((index) => `result ${index}`);
        return Promise.resolve(left.length === 0 && end !== null ? ['the end'] : left);
      },
    });
    const environment = new MockActivityEnvironment({ heartbeatDetails }, { logger: new DefaultLogger('ERROR') });
    environment.on('heartbeat', (details: unknown) => beats.push(details));
    const all = { ...results, ...given };
    const delivery = await environment.run<[], ResultsDelivery, () => Promise<ResultsDelivery>>(() =>
      activities.deliverResults(all),
    );
    return { delivery, bodies: sent.map(({ body }) => body), sent, beats };
  }

  test('all there are, in order, each under an id of its own, unsigned; each is noted as soon as it is received', async () => {
    const { delivery, bodies, sent, beats } = await deliverAll({});
    expect(bodies).toEqual(['result 0', 'result 1', 'result 2']);
    expect(delivery).toMatchObject({ told: 3, outcome: { kind: 'answered', status: 204 } });
    expect(sent.map(({ headers }) => headers['webhook-id'])).toEqual([0, 1, 2].map((n) => `${args.messageId}.${n}`));
    expect(sent[0]).toMatchObject({ url: args.url, method: 'PUT', headers: { 'content-type': 'application/json' } });
    expect(sent[0]?.headers).not.toHaveProperty('webhook-signature');
    expect(beats).toEqual([0, 1, 2, 3]);
  });

  test('the end comes after all of them', async () => {
    const { delivery, bodies } = await deliverAll({ told: 2, end: END });
    expect(bodies).toEqual(['result 2', 'the end']);
    expect(delivery.told).toBe(4);
  });

  test.each([500, 302, 410])('one that is answered %i holds back what comes after it', async (code) => {
    const { delivery, bodies } = await deliverAll({}, [200, code]);
    expect(bodies).toEqual(['result 0', 'result 1']);
    expect(delivery).toMatchObject({ told: 1, outcome: { kind: 'answered', status: code } });
  });

  test('an orchestrator that takes over goes on behind what the one before got through', async () => {
    const { bodies, beats } = await deliverAll({ told: 0 }, [500], 2);
    expect({ bodies, beats }).toEqual({ bodies: ['result 2'], beats: [2] });
    expect((await deliverAll({ told: 2 }, [], 1)).bodies).toEqual(['result 2']);
  });

  test('a receiver that is disabled is sent nothing', async () => {
    const { delivery, bodies } = await deliverAll({ target: { ...results.target, receiver: 'gone' } });
    expect({ delivery, bodies }).toMatchObject({ delivery: { told: 0, outcome: { kind: 'disabled' } }, bodies: [] });
  });
});
