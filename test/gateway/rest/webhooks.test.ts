/** Webhooks over REST: who is told, what may be seen of it, and addresses that are refused. */
import type { FileInput } from '../../../workflows/contract.ts';
import type { MessageView } from '../../../workflows/webhook/contract.ts';
import { Edge } from '../../harness/edge.ts';
import { connect } from '../../harness/sockets.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(`${edge.url}${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const postJson = (body: unknown, query = ''): Promise<Answer> =>
  ask(`/v1/sessions${query}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
const postFile = (query: string): Promise<Answer> =>
  ask(`/v1/sessions${query}`, { method: 'POST', body: new Uint8Array(100) });

const HOOK = 'https://host-93-184-216-34.example/hook?token=1';
const FILE = 'https://host-93-184-216-34.example/talks/a%20b.wav?signature=x';
const started = (): FileInput => edge.backstage.sessions.files.at(-1) as FileInput;
const stored = (): string[] => [...edge.backstage.objects.objects.keys()];

describe('who is told of a session’s end', () => {
  test('a file’s own receiver, by schedule and with a name of its own', async () => {
    expect((await postFile(`?webhook=${encodeURIComponent(HOOK)}`)).status).toBe(202);
    expect(started().webhook).toEqual({
      url: HOOK,
      receiver: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      retryMs: [5000],
      keepMs: 60_000,
    });
    await postFile(`?webhook=${encodeURIComponent(HOOK)}`);
    expect(started().webhook?.receiver).toBe(edge.backstage.sessions.files[0]?.webhook?.receiver);
  });

  test('a form’s field names it too', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(10)]), 'x.wav');
    form.append('webhook', HOOK);
    expect((await ask('/v1/sessions', { method: 'POST', body: form })).status).toBe(202);
    expect(started().webhook?.url).toBe(HOOK);
  });

  test('the installation’s receiver where none is named, and nobody where there is none', async () => {
    await postFile('');
    expect(started().webhook).toBeUndefined();
    await edge.end();
    const defaultUrl = 'https://hooks.example/all';
    const webhooks = { ...edge.gateway.settings.webhooks, defaultUrl };
    edge = await new Edge({ webhooks }, edge.backstage).listen();
    await postFile('');
    expect(started().webhook?.url).toBe(defaultUrl);
    await postFile(`?webhook=${encodeURIComponent(HOOK)}`);
    expect(started().webhook?.url).toBe(HOOK);
  });

  test('a live session’s own receiver', async () => {
    const client = await edge.client(`session=s&webhook=${encodeURIComponent(HOOK)}`);
    await client.session();
    expect(edge.backstage.sessions.input('s').webhook?.url).toBe(HOOK);
  });

  test('a live session that is there keeps no client out, whatever has become of its receiver', async () => {
    await (await edge.client('session=s')).session();
    await (await edge.client('session=s&webhook=http://10.0.0.1/')).session();
  });

  test('nothing is promised that could not be signed', async () => {
    await edge.end();
    const webhooks = { ...edge.gateway.settings.webhooks, isSigned: false };
    edge = await new Edge({ webhooks }, edge.backstage).listen();
    const { status, body } = await postFile(`?webhook=${encodeURIComponent(HOOK)}`);
    expect({ status, body }).toMatchObject({ status: 400, body: { code: 'invalid_parameter' } });
    expect(body['detail']).toMatch(/^webhook: .*LONGHAND_WEBHOOK_SECRET/);
  });
});

// Bad input, row 23.
const FORBIDDEN = [
  'http://127.0.0.1/x',
  'http://127.0.0.1:7233/',
  'http://[::1]/x',
  'http://[::ffff:127.0.0.1]/',
  'http://2130706433/',
  'http://169.254.169.254/latest/meta-data/',
  'http://10.0.0.1/',
  'http://host-192-168-1-1.example/',
  'https://nowhere.example/',
  'file:///etc/passwd',
  'ftp://host-93-184-216-34.example/x',
  'https://user:secret@host-93-184-216-34.example/',
  'not an address',
];

describe.each(FORBIDDEN)('%s', (address) => {
  test('is refused as a receiver, and nothing is stored or started', async () => {
    const { status, body } = await postFile(`?webhook=${encodeURIComponent(address)}`);
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'forbidden_address' });
    expect(body['detail']).toMatch(/^webhook: /);
    expect(edge.backstage.sessions.files).toEqual([]);
    expect(stored()).toEqual([]);
  });

  test('is refused as the address of a file', async () => {
    const { status, body } = await postJson({ url: address });
    expect({ status, code: body['code'] }).toEqual({ status: 400, code: 'forbidden_address' });
    expect(body['detail']).toMatch(/^url: /);
    expect(edge.backstage.sessions.files).toEqual([]);
  });

  test('is refused as a live session’s receiver', async () => {
    const { inbox } = await connect(`ws://127.0.0.1:${edge.port}/v1/live?webhook=${encodeURIComponent(address)}`);
    expect(await inbox.next('error')).toMatchObject({ code: 'forbidden_address' });
    expect(await inbox.closed).toMatchObject({ code: 4400 });
    expect(edge.backstage.sessions.asked.filter(({ what }) => what === 'attach')).toEqual([]);
  });
});

describe('a file by its address', () => {
  test('starts a session that is to fetch it, named by the end of its path', async () => {
    const given = { url: FILE, session: 'far', model: 'en', language: 'en', priority: 'low', webhook: HOOK };
    expect(await postJson(given)).toMatchObject({ status: 202, body: { id: 'far', kind: 'file' } });
    expect(started()).toMatchObject({
      ref: { tenant: 't', id: 'far' },
      sourceUrl: FILE,
      fileName: 'a b.wav',
      priority: 'low',
      uploadBytes: 0,
      webhook: { url: HOOK },
    });
    expect(stored()).toEqual([]);
  });

  test('goes by another name if one is given, and by a plain one if the path has none', async () => {
    await postJson({ url: FILE, filename: '../talk.mp3' });
    expect(started().fileName).toBe('talk.mp3');
    await postJson({ url: 'https://host-93-184-216-34.example/' });
    expect(started().fileName).toBe('audio');
    await postJson({ url: 'https://host-93-184-216-34.example/%E0%A4%A' });
    expect(started().fileName).toBe('%E0%A4%A');
  });

  test.each([
    ['no address', {}, 'invalid_parameter', /url/],
    ['an address that is no text', { url: 5 }, 'invalid_parameter', /^url/],
    ['an endless address', { url: `https://host-8-8-8-8.example/${'x'.repeat(3000)}` }, 'invalid_parameter', /^url/],
    ['a field that does not exist', { url: FILE, colour: 'red' }, 'unknown_parameter', /colour/],
    ['a model that does not exist', { url: FILE, model: 'klingon' }, 'unknown_model', /klingon/],
    ['what is not JSON', '{"url":', 'invalid_parameter', /not JSON/],
    ['a list', '[]', 'invalid_parameter', /./],
    ['a receiver inside', { url: FILE, webhook: 'http://10.0.0.1/' }, 'forbidden_address', /^webhook/],
  ])('%s is refused', async (_what, body, code, detail) => {
    const answer = await postJson(body);
    expect(answer).toMatchObject({ status: 400, body: { code } });
    expect(answer.body['detail']).toMatch(detail);
    expect(edge.backstage.sessions.files).toEqual([]);
  });

  test('a parameter in the address beside the body is refused, not passed over', async () => {
    expect(await postJson({ url: FILE }, '?model=en')).toMatchObject({
      status: 400,
      body: { code: 'invalid_parameter', detail: expect.stringMatching(/^model: /) as string },
    });
  });

  test('that could not be fetched, or not be decoded, is told as it is', async () => {
    edge.backstage.sessions.probeAnswer = {
      ok: false,
      reason: 'fetch_failed',
      detail: 'the server answered 404 for the file',
    };
    expect(await postJson({ url: FILE })).toMatchObject({
      status: 422,
      body: { code: 'fetch_failed', retryable: true },
    });
    edge.backstage.sessions.probeAnswer = {
      ok: false,
      reason: 'forbidden_address',
      detail: 'url: the address is inside',
    };
    expect(await postJson({ url: FILE })).toMatchObject({ status: 400, body: { code: 'forbidden_address' } });
  });
});

// ---- what may be seen

const ID = `msg_${'a'.repeat(32)}`;
const RECEIVER = 'b'.repeat(32);
const message = (state: MessageView['state']): MessageView => ({
  state,
  reason: state === 'dead' ? 'exhausted' : null,
  nextAttemptAt: null,
  attempts: [{ number: 1, at: '2026-01-02T03:04:05.000Z', durationMs: 3, status: 500, detail: 'answered 500' }],
  url: HOOK,
  receiver: RECEIVER,
  type: 'session.completed',
  session: 's',
  results: null,
  event: {
    type: 'session.completed',
    timestamp: '2026-01-02T03:04:05.000Z',
    data: {
      id: 's',
      kind: 'file',
      state: 'completed',
      model: 'en',
      language: 'en',
      labels: ['desk:north'],
      audioMs: 1,
      segments: 1,
      error: null,
      links: { session: '/v1/sessions/s', transcript: '/v1/sessions/s/transcript' },
    },
  },
});

test('webhooks are listed by state, dead letters in a list of their own, and one is shown with its attempts', async () => {
  edge.backstage.webhooks.messages.set(`t/${ID}`, message('dead'));
  edge.backstage.webhooks.messages.set(`t/msg_${'c'.repeat(32)}`, message('delivered'));
  const ids = (answer: Answer) => (answer.body['webhooks'] as { id: string }[]).map(({ id }) => id);
  expect(ids(await ask('/v1/webhooks'))).toHaveLength(2);
  expect(ids(await ask('/v1/webhooks?state=dead'))).toEqual([ID]);
  expect(ids(await ask('/v1/webhooks/dead-letters'))).toEqual([ID]);
  expect(await ask('/v1/webhooks?limit=1&cursor=abc')).toMatchObject({ body: { nextCursor: 'more' } });
  expect(edge.backstage.webhooks.asked.at(-1)).toEqual({ tenant: 't', state: null, limit: 1, cursor: 'abc' });
  expect(await ask(`/v1/webhooks/${ID}`)).toMatchObject({
    status: 200,
    body: { id: ID, state: 'dead', reason: 'exhausted', session: 's', attempts: [{ number: 1, status: 500 }] },
  });
});

test('a dead letter is sent again; what is none is not', async () => {
  edge.backstage.webhooks.messages.set(`t/${ID}`, message('dead'));
  const send = () => ask(`/v1/webhooks/dead-letters/${ID}/send`, { method: 'POST' });
  expect(await send()).toMatchObject({ status: 202, body: { id: ID, state: 'pending' } });
  expect(await send()).toMatchObject({ status: 404, body: { code: 'not_found' } });
});

test('a disabled receiver is listed, and enabled once', async () => {
  const receiver = { id: RECEIVER, url: HOOK, webhook: ID, disabledAt: '2026-01-02T03:04:05.000Z' };
  edge.backstage.webhooks.receivers.set(`t/${RECEIVER}`, receiver);
  expect(await ask('/v1/webhooks/receivers')).toMatchObject({ status: 200, body: { receivers: [receiver] } });
  const enable = () => ask(`/v1/webhooks/receivers/${RECEIVER}/enable`, { method: 'POST' });
  expect(await enable()).toMatchObject({ status: 202, body: { id: RECEIVER, disabled: false } });
  expect((await enable()).status).toBe(404);
});

test('another tenant’s webhooks and receivers are not found', async () => {
  edge.backstage.webhooks.messages.set(`other/${ID}`, message('dead'));
  edge.backstage.webhooks.receivers.set(`other/${RECEIVER}`, { id: RECEIVER, url: HOOK, webhook: ID, disabledAt: '' });
  expect((await ask('/v1/webhooks')).body['webhooks']).toEqual([]);
  expect((await ask(`/v1/webhooks/${ID}`)).status).toBe(404);
  expect((await ask(`/v1/webhooks/dead-letters/${ID}/send`, { method: 'POST' })).status).toBe(404);
  expect((await ask('/v1/webhooks/receivers')).body['receivers']).toEqual([]);
  expect((await ask(`/v1/webhooks/receivers/${RECEIVER}/enable`, { method: 'POST' })).status).toBe(404);
});

test.each([
  ['GET', '/v1/webhooks/msg_x'],
  ['GET', '/v1/webhooks/..%2Fsession'],
  ['POST', '/v1/webhooks/dead-letters/msg_x/send'],
  ['POST', '/v1/webhooks/receivers/..%2F..%2Fx/enable'],
])('%s %s is no name of any: 404', async (method, path) => {
  expect(await ask(path, { method })).toMatchObject({ status: 404, body: { code: 'not_found' } });
});

test.each(['/v1/webhooks?state=lost', '/v1/webhooks/dead-letters?state=dead', '/v1/webhooks?limit=0'])(
  '%s is refused, with what is allowed',
  async (path) => {
    expect((await ask(path)).status).toBe(400);
  },
);
