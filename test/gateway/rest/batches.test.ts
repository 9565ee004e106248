/** Many files in one request: each is looked at before any is begun. */
import { newUploadId } from '../../../gateway/uploads/upload-id.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import { Edge } from '../../harness/edge.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

interface Shown {
  readonly id: string;
  readonly code?: string;
  readonly detail?: string;
  readonly items: { readonly session: string; readonly state: string }[];
  readonly nextCursor: string | null;
  readonly progress: number;
  readonly estimatedEndAt: string | null;
}

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${edge.url}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Shown };
}

/** An upload that is whole. */
async function uploaded(fileName = 'talk.wav', storedBytes = 10): Promise<string> {
  const id = newUploadId();
  const info = { bytes: 10, fileName };
  await edge.backstage.objects.put(objectKeys.uploadInfo('t', id), Buffer.from(JSON.stringify(info)));
  await edge.backstage.objects.put(objectKeys.uploadPart('t', id, 0), Buffer.alloc(storedBytes));
  return id;
}

const claims = (): string[] => [...edge.backstage.objects.objects.keys()].filter((key) => key.endsWith('/claim'));

describe('a batch', () => {
  test('begins with its items, defaults where they say nothing else', async () => {
    const items = [
      { uploadId: await uploaded('a.wav'), id: 'first', priority: 'high' },
      { uploadId: await uploaded('b.wav') },
    ];
    const { status, body } = await ask('POST', '/v1/batches', { name: 'calls', defaults: { priority: 'low' }, items });
    expect(status).toBe(202);
    expect(body).toMatchObject({ name: 'calls', state: 'running', total: 2, progress: 0, estimatedEndAt: null });
    expect(edge.backstage.batches.started.get(body.id)?.input).toMatchObject({
      sideBySide: 4,
      items: [
        { session: 'first', fileName: 'a.wav', priority: 'high', model: 'en', uploadBytes: 10 },
        { session: `${body.id}.1`, fileName: 'b.wav', priority: 'low' },
      ],
    });
    expect(claims()).toHaveLength(2);
  });

  test('gives its items their labels and channels, the labels of all besides their own', async () => {
    const items = [
      { uploadId: await uploaded(), label: ['desk:north', 'day:monday'], channels: 'mixed' },
      { uploadId: await uploaded() },
    ];
    const defaults = { label: ['day:monday'], channels: 'separate' };
    const { id } = (await ask('POST', '/v1/batches', { defaults, items })).body;
    expect(edge.backstage.batches.started.get(id)?.input.items).toMatchObject([
      { labels: ['day:monday', 'desk:north'], channels: 'mixed' },
      { labels: ['day:monday'], channels: 'separate' },
    ]);
  });

  test('is shown with a page of its items and its end at the pace so far', async () => {
    const items = [{ uploadId: await uploaded() }, { uploadId: await uploaded() }, { uploadId: await uploaded() }];
    const { id } = (await ask('POST', '/v1/batches', { items })).body;
    edge.backstage.batches.startedAtMs = Date.now() - 10_000;
    const done = edge.backstage.batches.started.get(id)?.items ?? [];
    done[0] = { state: 'completed', reason: null, detail: null, audioMs: 1000 };
    const { body } = await ask('GET', `/v1/batches/${id}?limit=2`);
    expect(body.items.map(({ state }) => state)).toEqual(['completed', 'waiting']);
    expect(body.nextCursor).toBe('2');
    expect(body.progress).toBeCloseTo(1 / 3);
    expect(Date.parse(body.estimatedEndAt ?? '') - Date.now()).toBeGreaterThan(15_000);
    const rest = await ask('GET', `/v1/batches/${id}?limit=2&cursor=2`);
    expect(rest.body).toMatchObject({ items: [{ index: 2 }], nextCursor: null });
  });

  test('gives its results as lines, with the transcript where there is one', async () => {
    const items = [
      { uploadId: await uploaded(), id: 'a' },
      { uploadId: await uploaded(), id: 'b' },
    ];
    const { id } = (await ask('POST', '/v1/batches', { items })).body;
    const key = objectKeys.transcript({ tenant: 't', id: 'a' }, null, 'json');
    await edge.backstage.objects.put(key, Buffer.from('{"text":"hello"}'));
    const response = await fetch(`${edge.url}/v1/batches/${id}/results`);
    expect(response.headers.get('content-type')).toContain('application/x-ndjson');
    const lines = (await response.text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { index: 0, session: 'a', transcript: { text: 'hello' } },
      { index: 1, session: 'b', transcript: null },
    ]);
  });

  test('under an Idempotency-Key is one batch, and another one under it is refused', async () => {
    const body = { items: [{ uploadId: await uploaded() }] };
    const key = { 'idempotency-key': 'k' };
    const first = await ask('POST', '/v1/batches', body, key);
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask('POST', '/v1/batches', body, key)));
    expect(new Set(answers.map((answer) => answer.body.id))).toEqual(new Set([first.body.id]));
    const other = await ask('POST', '/v1/batches', { ...body, name: 'x' }, key);
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
    expect(edge.backstage.batches.started.size).toBe(1);
  });

  test('is listed, and cancelled', async () => {
    const { id } = (await ask('POST', '/v1/batches', { items: [{ uploadId: await uploaded() }] })).body;
    expect((await ask('GET', '/v1/batches')).body).toMatchObject({ batches: [{ id, items: 1 }], nextCursor: null });
    expect((await ask('POST', `/v1/batches/${id}/cancel`)).status).toBe(202);
    expect(edge.backstage.batches.cancelled).toEqual([id]);
  });
});

test('one wrong item refuses the whole, says which, and nothing is begun or claimed', async () => {
  const good = { uploadId: await uploaded() };
  for (const [wrong, code] of [
    [{ uploadId: newUploadId() }, 'not_found'],
    [{ uploadId: await uploaded('c.wav', 9) }, 'upload_incomplete'],
    [{ uploadId: await uploaded(), model: 'nope' }, 'unknown_model'],
    [{ uploadId: await uploaded(), language: 'xx' }, 'unknown_language'],
    [{ uploadId: await uploaded(), id: 'a/b' }, 'invalid_parameter'],
    [{ uploadId: await uploaded(), colour: 'red' }, 'unknown_parameter'],
    [{ uploadId: await uploaded(), label: ['no colon'] }, 'invalid_parameter'],
    [{ uploadId: await uploaded(), label: Array.from({ length: 16 }, (_, n) => `n:${n}`) }, 'invalid_parameter'],
    [{ uploadId: await uploaded(), channels: 'left' }, 'invalid_parameter'],
    [{ url: 'http://10.0.0.1/' }, 'forbidden_address'],
    [{ url: 'file:///etc/passwd' }, 'forbidden_address'],
    [{}, 'invalid_parameter'],
    [good, 'invalid_parameter'],
  ] as const) {
    const { status, body } = await ask('POST', '/v1/batches', {
      defaults: { label: ['of:all'] },
      items: [good, wrong],
    });
    expect({ wrong, code: body.code }).toEqual({ wrong, code });
    expect(status).toBeLessThan(500);
    expect(body.detail).toMatch(/items|colour/);
  }
  expect(edge.backstage.batches.started.size).toBe(0);
  expect(claims()).toEqual([]);
});

test.each<[string, unknown]>([
  ['no items', { items: [] }],
  ['more items than are allowed', { items: Array.from({ length: 6 }, () => ({ url: 'https://example.org/a.wav' })) }],
  ['no manifest', []],
  ['an unknown field', { items: [{ url: 'https://example.org/a.wav' }], colour: 'red' }],
])('a manifest of %s is refused', async (_what, manifest) => {
  const { status, body } = await ask('POST', '/v1/batches', manifest);
  expect(status).toBe(400);
  expect(['invalid_parameter', 'unknown_parameter']).toContain(body.code);
});

test('a batch is deleted: at once, or it is said that it goes on', async () => {
  const { id } = (await ask('POST', '/v1/batches', { items: [{ uploadId: await uploaded() }] })).body;
  const erase = (): Promise<Response> => fetch(`${edge.url}/v1/batches/${id}`, { method: 'DELETE' });
  expect((await erase()).status).toBe(204);
  edge.backstage.sessions.erasing = 'erasing';
  const going = await erase();
  expect({ status: going.status, body: await going.json() }).toEqual({
    status: 202,
    body: { id, erasing: true },
  });
  expect(edge.backstage.sessions.asked.filter(({ what }) => what === 'eraseBatch').map(({ ref }) => ref?.id)).toEqual([
    id,
    id,
  ]);
});

test('a batch that never was is not found', async () => {
  for (const path of ['/v1/batches/nobody', '/v1/batches/nobody/results'])
    expect((await ask('GET', path)).status).toBe(404);
  expect(await ask('DELETE', '/v1/batches/nobody')).toMatchObject({ status: 404, body: { code: 'not_found' } });
});
