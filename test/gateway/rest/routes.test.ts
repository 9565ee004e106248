/** The REST API answers what it says it answers: the OpenAPI document, the routes and what comes back agree. */
import type { Router } from 'express';
import { z } from 'zod';
import { deepgramRoutes } from '../../../gateway/dialects/deepgram/routes.ts';
import { kaldiRoutes } from '../../../gateway/dialects/kaldi/routes.ts';
import { openAiRoutes } from '../../../gateway/dialects/openai/routes.ts';
import { EventStreams } from '../../../gateway/events/event-streams.ts';
import { Failure } from '../../../gateway/failures.ts';
import type { ObjectsPort } from '../../../gateway/ports.ts';
import { healthRoutes } from '../../../gateway/rest/health.ts';
import { Requests } from '../../../gateway/requests.ts';
import { openApiDocument } from '../../../gateway/rest/openapi.ts';
import { apiRoutes } from '../../../gateway/rest/routes.ts';
import { sessionListSchema } from '../../../gateway/rest/list-schemas.ts';
import { sessionSchema, workerListSchema } from '../../../gateway/rest/schemas.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import { Edge } from '../../harness/edge.ts';
import { segment } from '../../workflows/session/given.ts';

let edge: Edge;
beforeEach(async () => (edge = await new Edge().listen()));
afterEach(() => edge.end());

const schemaOrRef = z.union([z.object({ $ref: z.string() }), z.looseObject({})]);
const content = z.record(z.string().regex(/^[\w*]+\/[\w*+.-]+$/), z.object({ schema: schemaOrRef }));
const operation = z.object({
  summary: z.string().min(1),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.enum(['query', 'path', 'header']),
        required: z.boolean().optional(),
        schema: schemaOrRef,
      }),
    )
    .optional(),
  requestBody: z.object({ content, required: z.boolean().optional() }).optional(),
  responses: z.record(
    z.string().regex(/^[1-5]\d\d$/),
    z.object({ description: z.string().min(1), content: content.optional() }),
  ),
});
/** OpenAPI 3.1.0, sections 4.8.1 (OpenAPI Object) to 4.8.17, as far as it is used. */
const openApi = z.object({
  openapi: z.literal('3.1.0'),
  info: z.object({ title: z.string(), version: z.string(), license: z.object({ name: z.string() }) }),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'post', 'put', 'delete', 'head', 'patch']), operation),
  ),
  components: z.object({ schemas: z.record(z.string(), z.looseObject({})) }),
});

/** Routes as Express holds them, in OpenAPI's spelling. */
function routesOf(prefix: string, router: Router): string[] {
  return router.stack.flatMap(({ route }) => {
    if (route === undefined) return [];
    const path = `${prefix}${route.path}`.replace(/(?<=.)\/$/, '').replaceAll(/:(\w+)/g, '{$1}');
    const methods = new Set(route.stack.map(({ method }) => method));
    // What answers every method refuses the others; a preflight is the browser's own.
    return [...methods].filter((method) => method && method !== 'options').map((method) => `${method} ${path}`);
  });
}

describe('the OpenAPI document', () => {
  const document = openApiDocument();

  test('is served, and is a valid 3.1 document', async () => {
    const served: unknown = await (await fetch(`${edge.url}/openapi.json`)).json();
    expect(served).toEqual(document);
    expect(z.safeParse(openApi, served).error?.issues ?? []).toEqual([]);
  });

  test('refers to nothing that it does not hold', () => {
    const names = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(openApi.parse(document).components.schemas).toHaveProperty(name ?? '');
  });

  test('names every route, and none that is not there', () => {
    const { gateway } = edge;
    const { live } = edge.server;
    const { signal: ending } = new AbortController();
    const requests = new Requests(1);
    const there = [
      ...routesOf(
        '',
        healthRoutes(gateway, () => false),
      ),
      ...apiRoutes(gateway, new EventStreams(gateway, ending)).flatMap(([prefix, router]) => routesOf(prefix, router)),
      ...routesOf('/v1', openAiRoutes(gateway, requests, ending)),
      ...routesOf('/v1', deepgramRoutes(gateway, { liveSessions: () => live.size, ending }, requests)),
      ...routesOf('/client', kaldiRoutes(gateway, live, requests)),
    ];
    const named = Object.entries(openApi.parse(document).paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(named.sort()).toEqual(there.sort());
  });

  test('names every parameter of a path', () => {
    for (const [path, methods] of Object.entries(openApi.parse(document).paths)) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const of of Object.values(methods)) {
        const named = (of.parameters ?? []).filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect({ path, named }).toEqual({ path, named: inPath });
      }
    }
  });
});

const get = async (path: string, init?: RequestInit): Promise<{ status: number; body: unknown }> => {
  const response = await fetch(`${edge.url}${path}`, init);
  return { status: response.status, body: await response.json() };
};
/** A session with a client and a worker. */
async function session(): Promise<void> {
  const client = await edge.client();
  await client.session();
  edge.backstage.sessions.grant('s');
  edge.backstage.sessions.commit('s', [segment(0), segment(1)], 64_000);
}

describe('a session', () => {
  test('is shown with its lease and progress, as documented', async () => {
    await session();
    const { status, body } = await get('/v1/sessions/s');
    expect(status).toBe(200);
    expect(z.strictObject(sessionSchema.shape).parse(body)).toMatchObject({
      id: 's',
      kind: 'live',
      state: 'streaming',
      attached: true,
      lease: { epoch: 1, workerId: 'w1' },
      segments: 2,
      transcribedMs: 2000,
      audioMs: null,
      progress: null,
      error: null,
    });
  });

  test('that is cancelled keeps what is committed', async () => {
    await session();
    expect(await get('/v1/sessions/s/cancel', { method: 'POST' })).toMatchObject({
      status: 202,
      body: { state: 'cancelled' },
    });
    expect(await get('/v1/sessions/s/transcript')).toMatchObject({ status: 200, body: { segments: [{}, {}] } });
  });

  test('that goes on has a transcript up to its last final, in every format', async () => {
    await session();
    expect(await get('/v1/sessions/s/transcript')).toMatchObject({
      status: 200,
      body: { text: 'segment 0 segment 1', state: 'streaming', audioMs: 2000 },
    });
    for (const [format, type, text] of [
      ['txt', 'text/plain', 'segment 0'],
      ['srt', 'application/x-subrip', '00:00:01,000 --> '],
      ['vtt', 'text/vtt', 'WEBVTT'],
    ] as const) {
      const response = await fetch(`${edge.url}/v1/sessions/s/transcript?format=${format}`);
      expect(response.headers.get('content-type')).toBe(`${type}; charset=utf-8`);
      expect(await response.text()).toContain(text);
    }
  });

  test('of a file has a transcript only at its end, as it was written', async () => {
    await fetch(`${edge.url}/v1/sessions?session=f`, { method: 'POST', body: 'x' });
    expect(await get('/v1/sessions/f/transcript')).toMatchObject({
      status: 409,
      body: { code: 'not_finished', retryable: true },
    });
    await edge.backstage.objects.put(
      objectKeys.transcript({ tenant: 't', id: 'f' }, null, 'txt'),
      Buffer.from('hello\n'),
    );
    expect(await (await fetch(`${edge.url}/v1/sessions/f/transcript?format=txt`)).text()).toBe('hello\n');
  });

  test('of a file that failed says why instead', async () => {
    await fetch(`${edge.url}/v1/sessions?session=f`, { method: 'POST', body: 'x' });
    edge.backstage.sessions.fileView = { state: 'failed', reason: 'unsupported_audio', detail: 'no audio in it' };
    expect(await get('/v1/sessions/f/transcript')).toMatchObject({
      status: 415,
      body: { code: 'unsupported_audio', detail: 'no audio in it' },
    });
    expect(await get('/v1/sessions/f')).toMatchObject({
      status: 200,
      body: { state: 'failed', error: { code: 'unsupported_audio', detail: 'no audio in it' } },
    });
  });
});

test('sessions are listed by page, as documented', async () => {
  const row = {
    id: 's',
    kind: 'live',
    state: 'idle',
    model: 'en',
    labels: ['desk:north'],
    worker: null,
    startedAt: '2026-01-01T00:00:00.000Z',
    endedAt: null,
  };
  edge.backstage.sessions.page = { sessions: [row], cursor: 'next_1' };
  const { body } = await get('/v1/sessions?limit=7&cursor=abc');
  expect(z.strictObject(sessionListSchema.shape).parse(body)).toEqual({ sessions: [row], nextCursor: 'next_1' });
  expect(edge.backstage.sessions.asked).toContainEqual({
    what: 'list',
    facts: { tenant: 't', filter: { labels: [] }, limit: 7, cursor: 'abc' },
  });
});

test('workers are listed with this tenant’s sessions alone, as documented', async () => {
  const worker = {
    workerId: 'w',
    model: 'en',
    pid: 1,
    host: 'h',
    slots: 2,
    draining: false,
    startedAt: '2026-01-01T00:00:00.000Z',
  };
  edge.backstage.sessions.present = [
    { ...worker, sessions: ['session/t/a', 'session/other/b', 'session/t/f/span/1', 'session/tt/c'] },
  ];
  const { body } = await get('/v1/workers');
  expect(z.strictObject(workerListSchema.shape).parse(body).workers).toMatchObject([
    { id: 'w', sessions: ['a', 'f/span/1'] },
  ]);
});

test('a connection is kept for longer than clients keep theirs: none is closed under a request', async () => {
  const { headers } = await fetch(`${edge.url}/livez`);
  expect(headers.get('keep-alive')).toBe('timeout=75');
});

describe('health', () => {
  const ready = async (query = '') => {
    const response = await fetch(`${edge.url}/readyz${query}`);
    return { status: response.status, text: await response.text() };
  };

  test('the process lives whatever is away behind it', async () => {
    edge.backstage.sessions.away = new Failure('temporal_unavailable', 'away');
    expect((await fetch(`${edge.url}/livez`)).status).toBe(200);
  });

  test('it is ready when everything behind it answers, and says in lines what does not', async () => {
    expect(await ready()).toEqual({ status: 200, text: 'ok' });
    expect(await ready('?verbose')).toEqual({ status: 200, text: '[+]accepting ok\n[+]temporal ok\n[+]storage ok\n' });
    edge.backstage.sessions.away = new Failure('temporal_unavailable', 'at 10.0.0.7');
    expect(await ready()).toEqual({ status: 503, text: '[+]accepting ok\n[-]temporal failed\n[+]storage ok\n' });
  });

  test('storage that is not written to is not ready', async () => {
    await edge.end();
    const check = () => Promise.reject(new Error('read-only'));
    const objects = Object.assign(Object.create(edge.backstage.objects) as ObjectsPort, { check });
    edge = await new Edge({}, edge.backstage, { objects }).listen();
    expect(await ready()).toMatchObject({ status: 503, text: expect.stringContaining('[-]storage failed') as string });
  });
});

test('the page may load nothing from elsewhere, and is not told what runs it', async () => {
  const { headers } = await fetch(`${edge.url}/v1/workers`);
  expect(headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-powered-by')).toBeNull();
});
