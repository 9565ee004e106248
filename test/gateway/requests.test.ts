/** More requests than are taken: each front says so in its words, with the time to wait; what is below the rate is served. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { FAILURES } from '../../gateway/failures.ts';
import { Edge } from '../harness/edge.ts';

const MANY = 1000;

let edge: Edge;
beforeEach(async () => (edge = await new Edge({ tenantRequestsPerS: 10 }).listen()));
// Holds each answer against the OpenAPI document.
afterEach(() => edge.end());

/** Asks until it is one too many: a hundred at once, and ten for each second that this takes. */
async function refused(target: string, init: RequestInit = {}): Promise<Response> {
  for (let asked = 0; asked < MANY; asked += 1) {
    const answer = await fetch(`${edge.url}${target}`, init);
    if (answer.status === 429) {
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      return answer;
    }
    await answer.body?.cancel();
  }
  throw new Error(`${MANY} requests came through`);
}

test.each([
  ['GET', '/v1/sessions'],
  ['POST', '/v1/sessions'],
  ['GET', '/v1/sessions/s'],
  ['DELETE', '/v1/sessions/s'],
  ['GET', '/v1/sessions/s/transcript'],
  ['GET', '/v1/sessions/s/events'],
  ['POST', '/v1/batches'],
  ['POST', '/v1/uploads'],
  ['GET', '/v1/webhooks/dead'],
  ['GET', '/v1/workers'],
  ['GET', '/v1/pools'],
])('%s %s above the rate is answered by 429 with Retry-After, and soon by what it asks for', async (method, target) => {
  const problem = (await (await refused(target, { method })).json()) as { code: string; detail: string };
  expect(problem).toMatchObject({
    type: 'urn:longhand:problem:rate_limit',
    title: FAILURES.rate_limit.title,
    detail: 'more than 10 requests a second came: ask again later',
    instance: target,
    retryable: true,
  });
  for (let status = 429; status === 429;) ({ status } = await fetch(`${edge.url}${target}`, { method }));
});

test('OpenAI’s, Deepgram’s and kaldi-gstreamer-server’s fronts say it in their words', async () => {
  expect(await (await refused('/v1/models')).json()).toMatchObject({
    error: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  });
  expect(await (await refused('/v1/listen', { method: 'POST', body: 'x' })).json()).toMatchObject({
    err_code: 'TOO_MANY_REQUESTS',
  });
  const kaldi = await refused('/client/dynamic/reference', { method: 'POST', body: 'x' });
  expect(await kaldi.text()).toMatch(/^more than 10 requests/);
});

test('a WebSocket counts as a request, and one too many is refused before the upgrade', async () => {
  await refused('/v1/sessions');
  let answered: { statusCode: number; headers: Record<string, string> } | undefined;
  for (let asked = 0; asked < MANY && answered === undefined; asked += 1) {
    const socket = new WebSocket(`ws://127.0.0.1:${edge.port}/v1/live`);
    socket.on('error', () => undefined);
    const opened = once(socket, 'open').then(() => undefined);
    const answer = once(socket, 'unexpected-response').then(([, response]) => response as typeof answered);
    answered = await Promise.race([opened, answer]);
    socket.terminate();
  }
  expect(answered?.statusCode).toBe(429);
  expect(Number(answered?.headers['retry-after'])).toBeGreaterThan(0);
});

test('whether a gateway lives and is ready may always be asked', async () => {
  await refused('/v1/sessions');
  for (let i = 0; i < 30; i += 1) {
    expect((await fetch(`${edge.url}/livez`)).status).toBe(200);
    expect((await fetch(`${edge.url}/readyz`)).status).toBe(200);
  }
});
