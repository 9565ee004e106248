/** Who waits for a session's end is told of it, once, signed, and however often a receiver or one of ours fails. */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Caller, noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { pythonWith } from '../harness/python-package.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';
import { verify, WebhookReceiver } from '../harness/webhook-receiver.ts';
import type { Received } from '../harness/webhook-receiver.ts';

const secret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const SECRETS = [secret(), secret()];
const RETRY_MS = [300, 900, 2000];
/** Loopback, and not allowed: only 127.0.0.1 is. */
const ELSEWHERE = '127.0.0.2';

let receiver: WebhookReceiver;
let system: System;
beforeAll(async () => {
  receiver = await new WebhookReceiver().listen();
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 } },
    settings: {
      LONGHAND_OUTBOUND_ALLOW: '127.0.0.1',
      LONGHAND_WEBHOOK_SECRET: SECRETS.join(' '),
      LONGHAND_WEBHOOK_RETRY_MS: RETRY_MS.join(','),
      LONGHAND_WEBHOOK_TIMEOUT_MS: '1000',
      LONGHAND_WEBHOOK_URL: `http://${ELSEWHERE}:${receiver.port}/default`,
    },
  });
}, 120_000);
afterAll(async () => {
  await system.stop();
  receiver.close();
}, 30_000);

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly receiver: string;
  readonly attempts: readonly {
    readonly number: number;
    readonly status: number | null;
    readonly detail: string | null;
  }[];
}

const webhooksOf = async (session: string): Promise<Shown[]> => {
  const { webhooks } = (await system.json('/v1/webhooks?limit=200')) as { webhooks: (Shown & { session: string })[] };
  return webhooks.filter((webhook) => webhook.session === session);
};
const show = async (id: string): Promise<Shown> => (await system.json(`/v1/webhooks/${id}`)) as Shown;
const untilState = (id: string, state: string): Promise<Shown> =>
  until(
    `${id} is ${state}`,
    () => show(id),
    (shown) => shown.state === state,
  );
const post = (path: string): Promise<Response> => fetch(`${system.httpUrl}${path}`, { method: 'POST' });

/** Posts a short file whose end is told to an address. */
async function postTalk(session: string, url: string, body = wav(noise(session, 800))): Promise<number> {
  const query = `?session=${session}&webhook=${encodeURIComponent(url)}`;
  return (await postFile(system, body, query)).status;
}

function expectSigned(message: Received): void {
  for (const one of SECRETS) verify(message, one);
  expect(() => verify(message, secret())).toThrow();
  expect(() => verify({ ...message, text: `${message.text} ` }, SECRETS[0] ?? '')).toThrow();
  expect(message.contentType).toBe('application/json');
  expect(Math.abs(Number(message.timestamp) * 1000 - Date.now())).toBeLessThan(60_000);
}

test('the end of a file is told once, signed with each secret, without a word of what was said', async () => {
  const url = receiver.at('/completed');
  const labelled = `?session=told&label=desk:north&label=case:17&webhook=${encodeURIComponent(url)}`;
  expect((await postFile(system, wav(noise('told', 800)), labelled)).status).toBe(202);
  const [message] = await receiver.untilAsked('/completed');
  if (message === undefined) throw new Error('none');
  expectSigned(message);
  const { segments, text } = await finishedFile(system, 'told');
  expect(message.event).toEqual({
    type: 'session.completed',
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as string,
    data: {
      id: 'told',
      kind: 'file',
      state: 'completed',
      model: 'en',
      language: 'en',
      labels: ['desk:north', 'case:17'],
      audioMs: 800,
      segments: segments.length,
      error: null,
      links: { session: '/v1/sessions/told', transcript: '/v1/sessions/told/transcript' },
    },
  });
  expect(text.length).toBeGreaterThan(0);
  for (const said of segments) expect(message.text).not.toContain(said.text);
  expect(message.text.length).toBeLessThan(20_000);
  const shown = await untilState(message.id, 'delivered');
  expect(shown.attempts).toMatchObject([{ number: 1, status: 204, detail: null }]);
  expect(await webhooksOf('told')).toHaveLength(1);
  expect(receiver.of('/completed')).toHaveLength(1);
  expect(((await system.json(message.event.data.links.transcript ?? '')) as { id: string }).id).toBe('told');
});

test('standardwebhooks for Python believes what is ours, by each secret, and nothing else', async () => {
  const python = await pythonWith('standardwebhooks==1.1.0', 'Standard Webhooks’ library for Python');
  if (python === null) return;
  await postTalk('python', receiver.at('/python'));
  const [message] = await receiver.untilAsked('/python');
  if (message === undefined) throw new Error('none');
  const { id, timestamp, signature, text: body } = message;
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature };
  const cases = [
    ...[...SECRETS, secret()].map((one) => ({ secret: one, headers, body })),
    { secret: SECRETS[0], headers, body: body.replace('python', 'pythons') },
    { secret: SECRETS[0], headers: { ...headers, 'webhook-timestamp': String(Number(timestamp) + 1) }, body },
  ];
  const file = join(system.folder, 'messages.jsonl');
  await writeFile(file, cases.map((one) => JSON.stringify(one)).join('\n'));
  const none = expect.stringContaining('matching signature') as string;
  expect(JSON.parse(await python('webhook_check.py', file))).toEqual([...SECRETS.map(() => true), none, none, none]);
}, 60_000);

test('the end of a live session is told, whether it came to its end or was cancelled', async () => {
  const call = (session: string, path: string) =>
    new Caller(system.url, { session, audio: noise(session, 1600), parameters: { webhook: receiver.at(path) } }).call();
  await (await call('spoken', '/spoken')).done();
  const [spoken] = await receiver.untilAsked('/spoken');
  expect(spoken?.event).toMatchObject({
    type: 'session.completed',
    data: { id: 'spoken', kind: 'live', labels: [], audioMs: 1600 },
  });
  const caller = await call('hung-up', '/hung-up');
  await caller.midSentenceAfter(0);
  await fetch(`${system.httpUrl}/v1/sessions/hung-up/cancel`, { method: 'POST' });
  await caller.done();
  const [cancelled] = await receiver.untilAsked('/hung-up');
  expect(cancelled?.event).toMatchObject({ type: 'session.cancelled', data: { state: 'cancelled', error: null } });
});

test('a session that failed says with which code', async () => {
  expect(await postTalk('noise', receiver.at('/failed'), Uint8Array.from(noise('no audio', 20)))).toBe(415);
  const [failed] = await receiver.untilAsked('/failed');
  expect(failed?.event).toMatchObject({
    type: 'session.failed',
    data: { id: 'noise', error: { code: 'unsupported_audio' }, links: { transcript: null } },
  });
});

test('a receiver that fails is sent the same message again, signed anew, until it takes it', async () => {
  const url = receiver.at('/flaky', (response, times) => void response.writeHead(times < 2 ? 500 : 200).end('thanks'));
  await postTalk('flaky', url);
  const messages = await receiver.untilAsked('/flaky', 3);
  expect(new Set(messages.map(({ id }) => id)).size).toBe(1);
  expect(new Set(messages.map(({ text }) => text)).size).toBe(1);
  messages.forEach(expectSigned);
  const shown = await untilState(messages[0]?.id ?? '', 'delivered');
  expect(shown.attempts.map(({ status }) => status)).toEqual([500, 500, 200]);
});

test('a receiver that has too much to do is given the pause that it wishes for', async () => {
  const url = receiver.at('/busy', (response, times) => {
    response.writeHead(times === 0 ? 429 : 204, { 'retry-after': '2' }).end();
  });
  await postTalk('busy', url);
  const [first, second] = await receiver.untilAsked('/busy', 2);
  expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(1900);
});

test('no session waits for its receiver, and one that redirects, hangs or is not there is given up by schedule', async () => {
  const paths = {
    '/hangs': receiver.at('/hangs', () => undefined),
    '/redirects': receiver.at('/redirects', (response) => {
      response.writeHead(302, { location: receiver.at('/followed') }).end();
    }),
    '/closed': 'http://127.0.0.1:9/',
  };
  for (const [path, url] of Object.entries(paths)) await postTalk(`dead${path.slice(1)}`, url);
  for (const path of Object.keys(paths)) await finishedFile(system, `dead${path.slice(1)}`);
  const dead = await until(
    'three dead letters',
    () => Promise.all(Object.keys(paths).map(async (path) => (await webhooksOf(`dead${path.slice(1)}`))[0])),
    (all) => all.every((webhook) => webhook?.state === 'dead'),
  );
  const attempts = await Promise.all(dead.map(async (webhook) => (await show(webhook?.id ?? '')).attempts));
  for (const row of attempts) expect(row).toHaveLength(RETRY_MS.length + 1);
  expect(attempts.map(([first]) => [first?.status, first?.detail])).toEqual([
    [null, expect.stringContaining('has not answered within 1000 ms')],
    [302, expect.stringContaining('redirects, which is not followed')],
    [null, expect.stringContaining('not reached')],
  ]);
  expect(receiver.of('/followed')).toEqual([]);
}, 60_000);

test('dead letters are listed by pages, and one that is sent again gets through under the same id', async () => {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = (await system.json(`/v1/webhooks/dead-letters?limit=2${query}`)) as {
      webhooks: { id: string; session: string }[];
      nextCursor: string | null;
    };
    expect(page.webhooks.length).toBeLessThanOrEqual(2);
    ids.push(...page.webhooks.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  expect(ids.length).toBeGreaterThanOrEqual(3);
  const [{ id } = { id: '' }] = await webhooksOf('deadhangs');
  expect(ids).toContain(id);
  receiver.at('/hangs', (response) => void response.writeHead(204).end());
  expect((await post(`/v1/webhooks/dead-letters/${id}/send`)).status).toBe(202);
  const shown = await untilState(id, 'delivered');
  expect(shown.attempts.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
  expect(new Set(receiver.of('/hangs').map((message) => message.id))).toEqual(new Set([id]));
  expect((await post(`/v1/webhooks/dead-letters/${id}/send`)).status).toBe(404);
});

test('410 disables a receiver: nothing more is sent there, whatever the session, until it is enabled', async () => {
  let isGone = true;
  const url = receiver.at('/gone', (response) => void response.writeHead(isGone ? 410 : 204).end());
  await postTalk('gone1', url);
  const [first] = await receiver.untilAsked('/gone');
  expect(await untilState(first?.id ?? '', 'dead')).toMatchObject({ reason: 'gone', attempts: [{ status: 410 }] });
  await postTalk('gone2', url);
  await finishedFile(system, 'gone2');
  const [second] = await until(
    'the second is a dead letter',
    () => webhooksOf('gone2'),
    ([webhook]) => webhook?.state === 'dead',
  );
  expect(await show(second?.id ?? '')).toMatchObject({ reason: 'disabled' });
  expect(receiver.of('/gone')).toHaveLength(1);
  const { receivers } = (await system.json('/v1/webhooks/receivers')) as { receivers: { id: string; url: string }[] };
  expect(receivers).toMatchObject([{ url, webhook: first?.id }]);
  isGone = false;
  expect((await post(`/v1/webhooks/receivers/${receivers[0]?.id ?? ''}/enable`)).status).toBe(202);
  await until(
    'no receiver is disabled',
    () => system.json('/v1/webhooks/receivers') as Promise<{ receivers: unknown[] }>,
    (list) => list.receivers.length === 0,
  );
  for (const id of [first?.id ?? '', second?.id ?? '']) {
    expect((await post(`/v1/webhooks/dead-letters/${id}/send`)).status).toBe(202);
    await untilState(id, 'delivered');
  }
});

test('an orchestrator killed while a receiver takes its time: the same message comes again', async () => {
  const url = receiver.at('/slow', (response, times) => {
    if (times > 0) response.writeHead(204).end();
  });
  await postTalk('interrupted', url);
  await receiver.untilAsked('/slow');
  await system.orchestrator.kill();
  await system.orchestrator.start();
  const messages = await receiver.untilAsked('/slow', 2);
  expect(new Set(messages.map(({ id, text }) => `${id} ${text}`)).size).toBe(1);
  await untilState(messages[0]?.id ?? '', 'delivered');
  expect(await webhooksOf('interrupted')).toHaveLength(1);
}, 60_000);

test('an address that is not allowed by the time it is sent to is given up, and not asked', async () => {
  // The installation's own receiver, which is looked at for each connection only.
  await postFile(system, wav(noise('default', 400)), '?session=default');
  const [webhook] = await until(
    'a dead letter',
    () => webhooksOf('default'),
    ([found]) => found?.state === 'dead',
  );
  const shown = await show(webhook?.id ?? '');
  expect(shown).toMatchObject({ reason: 'forbidden', attempts: [{ status: null }] });
  expect(shown.attempts[0]?.detail).toMatch(/not public/);
  expect(receiver.of('/default')).toEqual([]);
});

test('no secret and no address of a receiver is in a log', async () => {
  const logs = await Promise.all([system.gateway, system.orchestrator, ...system.workers].map((part) => part.log()));
  for (const log of logs) for (const word of [...SECRETS, 'whsec_', '/hangs', '/gone']) expect(log).not.toContain(word);
});
