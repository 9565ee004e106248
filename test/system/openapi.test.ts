/** What the documents say is what the service says: each answer is held against the schema published for it. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { WebSocket } from 'ws';
import { noise } from '../harness/caller.ts';
import { documentedFetch } from '../harness/documented.ts';
import { finishedFile, wav } from '../harness/files.ts';
import { checkerOf, pointerPart } from '../harness/schemas.ts';
import type { Checker } from '../harness/schemas.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { untilHolds } from '../harness/until.ts';
import { until } from '../harness/until.ts';
import { WebhookReceiver } from '../harness/webhook-receiver.ts';

interface OpenApi {
  readonly openapi: string;
  readonly components: { readonly schemas: object };
  readonly webhooks: Readonly<Record<string, object>>;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly responses: object }>>>>;
}

let system: System;
let document: OpenApi;
let openApi: Checker;
const seen = new Set<string>();

beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 }, unserved: { engine: 'scripted' } },
    settings: {
      LONGHAND_WORKER_SILENCE_MS: '5000',
      // The process that starts this orchestrator has no workers to give: the pool says so.
      LONGHAND_CLUSTER: 'parent',
      LONGHAND_PLATFORM_DEADLINE_MS: '200',
      LONGHAND_OUTBOUND_ALLOW: '127.0.0.1',
      LONGHAND_WEBHOOK_SECRET: `whsec_${Buffer.alloc(24).toString('base64')}`,
    },
  });
  document = (await system.json('/openapi.json')) as OpenApi;
  openApi = checkerOf(document, '2020-12');
}, 120_000);
afterAll(() => system.stop(), 30_000);

/** Calls an operation; its status, content type and body must be described. Answers the body. */
async function call(operation: string, path: string, status: number, init: RequestInit = {}): Promise<unknown> {
  const [method = '', template = ''] = operation.split(' ');
  const answer = await fetch(`${system.httpUrl}${path}`, { ...init, method });
  expect({ operation, status: answer.status }).toEqual({ operation, status });
  const type = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const isJson = /[/+]json$/.test(type);
  const body: unknown = isJson ? await answer.json() : await answer.text();
  const at = ['paths', template, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
  const faults = openApi.faults(`/${at.map(pointerPart).join('/')}`, body);
  expect({ operation, status, type, faults }).toEqual({ operation, status, type, faults: [] });
  if (type === 'application/problem+json') expectProblem(body, path, status, at);
  seen.add(`${operation} ${status}`);
  return body;
}

/** A problem's code is one of those that are described for its status. */
function expectProblem(body: unknown, path: string, status: number, [, template = '', method = '']: string[]): void {
  const { code, instance } = body as { code: string; instance: string };
  expect(body).toMatchObject({ status, instance: path.split('?')[0] });
  expect(instance).not.toBe('');
  const responses = document.paths[template]?.[method]?.responses as Record<string, { description: string }>;
  expect(responses[status]?.description.split(/[:,] /)).toContain(code);
}

const sessions = '/v1/sessions';
const session = '/v1/sessions/{id}';
const transcript = '/v1/sessions/{id}/transcript';

test('the document is OpenAPI 3.1, and its schemas are schemas', () => {
  expect(document.openapi).toBe('3.1.0');
  for (const name of Object.keys(document.components.schemas)) {
    expect(openApi.faults(`/components/schemas/${pointerPart(name)}`, null)).not.toEqual([]);
  }
});

test('a file: posted, looked at, listed, read in each format', async () => {
  const body = new Uint8Array(wav(noise('described', 2000)));
  await call(`POST ${sessions}`, `${sessions}?session=described`, 202, { body });
  const { segments } = await finishedFile(system, 'described');
  expect(segments.length).toBeGreaterThan(0);
  await call(`GET ${session}`, '/v1/sessions/described', 200);
  for (const format of ['json', 'verbose_json', 'txt', 'srt', 'vtt', 'tsv']) {
    await call(`GET ${transcript}`, `/v1/sessions/described/transcript?format=${format}`, 200);
  }
  await call(`GET ${session}/events`, '/v1/sessions/described/events', 200);
  const page = (await call(`GET ${sessions}`, `${sessions}?limit=1`, 200)) as { sessions: unknown[] };
  expect(page.sessions).toHaveLength(1);
});

test('a live session: served, waiting, cancelled', async () => {
  const { socket, inbox } = await connect(`${system.url}/v1/live?session=spoken`);
  await inbox.next('started');
  socket.send(noise('spoken', 1000));
  await inbox.next('final', 1);
  const shown = (await call(`GET ${session}`, '/v1/sessions/spoken', 200)) as { lease: object | null };
  expect(shown.lease).not.toBeNull();
  await call(`GET ${transcript}`, '/v1/sessions/spoken/transcript', 200);
  const { workers } = (await call('GET /v1/workers', '/v1/workers', 200)) as { workers: unknown[] };
  expect(workers).toHaveLength(1);
  await call(`POST ${session}/handover`, '/v1/sessions/spoken/handover', 202);
  await call(`POST ${session}/cancel`, '/v1/sessions/spoken/cancel', 202);
  await inbox.closed;
});

test.each([
  ['an empty body', 'empty_audio', 400, '', new Uint8Array()],
  ['bytes that are no audio', 'unsupported_audio', 415, '', new Uint8Array(noise('no audio', 300))],
  ['a parameter that does not exist', 'unknown_parameter', 400, '?colour=red', new Uint8Array(10)],
  ['a model that does not exist', 'unknown_model', 400, '?model=klingon', new Uint8Array(10)],
  ['an id that exists', 'session_exists', 409, '?session=described', new Uint8Array(wav(noise('again', 100)))],
])('a post refused for %s', async (_what, code, status, query, body) => {
  expect(await call(`POST ${sessions}`, `${sessions}${query}`, status, { body })).toMatchObject({ code });
});

test('reads that are refused', async () => {
  await call(`GET ${session}`, '/v1/sessions/nobody', 404);
  await call(`DELETE ${session}`, '/v1/sessions/nobody', 404);
  await call(`POST ${session}/cancel`, '/v1/sessions/nobody/cancel', 404);
  await call(`GET ${session}/events`, '/v1/sessions/nobody/events', 404);
  await call(`GET ${transcript}`, '/v1/sessions/nobody/transcript', 404);
  await call(`GET ${transcript}`, '/v1/sessions/described/transcript?format=doc', 400);
  await call(`GET ${sessions}`, `${sessions}?limit=0`, 400);
  const body = new Uint8Array(wav(noise('waiting', 2000)));
  await call(`POST ${sessions}`, `${sessions}?session=waiting&model=unserved`, 202, { body });
  expect(await call(`GET ${transcript}`, '/v1/sessions/waiting/transcript', 409)).toMatchObject({
    code: 'not_finished',
  });
  await call(`POST ${session}/handover`, '/v1/sessions/waiting/handover', 409);
  await call(`POST ${session}/handover`, '/v1/sessions/nobody/handover', 404);
  await call(`POST ${session}/cancel`, '/v1/sessions/waiting/cancel', 202);
});

const asJson = (body: object): RequestInit => ({
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

test('an upload by tus: begun, looked at, written, ended, used; a presigned one needs S3', async () => {
  const uploads = '/v1/uploads';
  const upload = '/v1/uploads/{id}';
  const bytes = new Uint8Array(wav(noise('uploaded', 400)));
  const tus = { 'tus-resumable': '1.0.0' };
  const begin = async (): Promise<string> => {
    const headers = { ...tus, 'upload-length': String(bytes.length) };
    const answer = await documentedFetch(system.httpUrl, uploads, { method: 'POST', headers });
    seen.add(`POST ${uploads} ${answer.status}`);
    return answer.headers.get('location') ?? '';
  };
  const at = await begin();
  const headers = { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };
  await documentedFetch(system.httpUrl, at, { method: 'PATCH', headers, body: bytes });
  seen.add(`PATCH ${upload} 200`);
  await documentedFetch(system.httpUrl, at, { method: 'HEAD', headers: tus });
  seen.add(`HEAD ${upload} 200`);
  expect(await call(`GET ${upload}`, at, 200)).toMatchObject({ complete: true });
  await call(`POST ${sessions}`, sessions, 202, asJson({ uploadId: at.split('/').at(-1) }));
  await documentedFetch(system.httpUrl, await begin(), { method: 'DELETE' });
  seen.add(`DELETE ${upload} 200`);
  await call(`POST ${uploads}`, uploads, 501, asJson({ presigned: { bytes: 10 } }));
  const parts = [{ partNumber: 1, etag: 'x' }];
  await call(`POST ${upload}/complete`, `${uploads}/nobody/complete`, 404, asJson({ parts }));
  // With S3: test/gateway/uploads/presigned.test.ts.
  seen.add(`POST ${upload}/complete 200`);
});

test('a batch: begun, looked at, listed, cancelled, its results read', async () => {
  const batches = '/v1/batches';
  const batch = '/v1/batches/{id}';
  const items = [{ url: 'http://127.0.0.1:9/nothing.wav', model: 'unserved' }];
  const { id } = (await call(`POST ${batches}`, batches, 202, asJson({ items }))) as { id: string };
  await call(`GET ${batch}`, `${batches}/${id}?limit=1`, 200);
  await call(`GET ${batches}`, `${batches}?limit=1`, 200);
  await call(`GET ${batch}/results`, `${batches}/${id}/results`, 200);
  await call(`POST ${batch}/cancel`, `${batches}/${id}/cancel`, 202);
  await call(`POST ${batches}`, batches, 400, asJson({ items: [] }));
  await call(`GET ${batch}`, `${batches}/nobody`, 404);
  await call(`POST ${batch}/cancel`, `${batches}/nobody/cancel`, 404);
  await call(`DELETE ${batch}`, `${batches}/nobody`, 404);
  await documentedFetch(system.httpUrl, `${batches}/${id}`, { method: 'DELETE' });
  seen.add(`DELETE ${batch} 200`);
});

test('a session deleted: nothing of it is left', async () => {
  const answer = await documentedFetch(system.httpUrl, '/v1/sessions/spoken', { method: 'DELETE' });
  seen.add(`DELETE ${session} 200`);
  expect([202, 204]).toContain(answer.status);
});

test('a file: stopped, restarted, cancelled; its audio transcribed again, its transcripts listed', async () => {
  const body = new Uint8Array(wav(noise('to be stopped', 2000)));
  await call(`POST ${sessions}`, `${sessions}?session=to-be-stopped&model=unserved`, 202, { body });
  await call(`POST ${session}/stop`, '/v1/sessions/to-be-stopped/stop', 202);
  await untilHolds(
    async () => ((await system.json('/v1/sessions/to-be-stopped')) as { state: string }).state === 'stopped',
  );
  expect(await call(`POST ${session}/stop`, '/v1/sessions/to-be-stopped/stop', 409)).toMatchObject({
    code: 'wrong_state',
  });
  await call(`GET ${transcript}`, '/v1/sessions/to-be-stopped/transcript', 200);
  await call(`POST ${session}/restart`, '/v1/sessions/to-be-stopped/restart', 202);
  await call(`POST ${session}/restart`, '/v1/sessions/described/restart', 409);
  await call(`POST ${session}/cancel`, '/v1/sessions/to-be-stopped/cancel', 202);
  await call(`POST ${session}/cancel`, '/v1/sessions/nobody/cancel', 404);
  const headers = { 'content-type': 'application/json' };
  const again = { body: JSON.stringify({ model: 'en' }), headers };
  await call(`POST ${session}/transcripts`, '/v1/sessions/described/transcripts', 202, again);
  await call(`POST ${session}/transcripts`, '/v1/sessions/described/transcripts', 400, { body: '{}', headers });
  await untilHolds(async () => {
    const list = (await call(`GET ${session}/transcripts`, '/v1/sessions/described/transcripts', 200)) as {
      transcripts: { state: string }[];
    };
    return list.transcripts.map(({ state }) => state).join() === 'completed,completed';
  });
  expect(await call(`GET ${transcript}`, '/v1/sessions/described/transcript?version=2', 200)).toMatchObject({
    version: 2,
  });
  await call(`GET ${transcript}`, '/v1/sessions/described/transcript?version=3', 404);
  const cancel = `POST ${session}/transcripts/{version}/cancel`;
  await call(cancel, '/v1/sessions/described/transcripts/2/cancel', 202);
  await call(cancel, '/v1/sessions/described/transcripts/1/cancel', 409);
  await call(cancel, '/v1/sessions/described/transcripts/3/cancel', 404);
}, 60_000);

test('a webhook: told, given up, sent again, its receiver enabled; what is sent is as described', async () => {
  const receiver = await new WebhookReceiver().listen();
  try {
    const url = receiver.at('/gone', (response, times) => void response.writeHead(times === 0 ? 410 : 204).end());
    const body = new Uint8Array(wav(noise('told', 400)));
    await call(`POST ${sessions}`, `${sessions}?session=told&webhook=${encodeURIComponent(url)}`, 202, { body });
    const [message] = await receiver.untilAsked('/gone');
    const { id, event } = message ?? { id: '', event: null };
    expect(openApi.faults('/components/schemas/WebhookEvent', event)).toEqual([]);
    expect(Object.keys(document.webhooks)).toContain(event?.type);
    const dead = () => call('GET /v1/webhooks/dead-letters', '/v1/webhooks/dead-letters', 200);
    await until('a dead letter', dead, (page) => (page as { webhooks: unknown[] }).webhooks.length === 1);
    const { receivers } = (await call('GET /v1/webhooks/receivers', '/v1/webhooks/receivers', 200)) as {
      receivers: { id: string }[];
    };
    const enable = 'POST /v1/webhooks/receivers/{id}/enable';
    await call(enable, `/v1/webhooks/receivers/${receivers[0]?.id ?? ''}/enable`, 202);
    await call('POST /v1/webhooks/dead-letters/{id}/send', `/v1/webhooks/dead-letters/${id}/send`, 202);
    await call('GET /v1/webhooks/{id}', `/v1/webhooks/${id}`, 200);
    await call('GET /v1/webhooks', '/v1/webhooks?limit=1', 200);
    await call('GET /v1/webhooks', '/v1/webhooks?state=lost', 400);
    await call('GET /v1/webhooks/{id}', '/v1/webhooks/nothing', 404);
    await call(enable, `/v1/webhooks/receivers/${'0'.repeat(32)}/enable`, 404);
    await call('POST /v1/webhooks/dead-letters/{id}/send', '/v1/webhooks/dead-letters/nothing/send', 404);
    const forbidden = { body: '{"url":"http://10.0.0.1/"}', headers: { 'content-type': 'application/json' } };
    await call(`POST ${sessions}`, sessions, 400, forbidden);
  } finally {
    receiver.close();
  }
});

test('a pool: looked at, overridden, bounded, paused; and what is refused', async () => {
  const one = '/v1/pools/{id}';
  const at = (rest = '') => `/v1/pools/en${rest}`;
  const put = (json: object) => ({ body: JSON.stringify(json), headers: { 'content-type': 'application/json' } });
  const until = new Date(Date.now() + 60_000).toISOString();
  await call('GET /v1/pools', '/v1/pools', 200);
  await call(`GET ${one}`, at(), 200);
  await call(`GET ${one}`, '/v1/pools/none', 404);
  const overridden = await call(`PUT ${one}/override`, at('/override'), 200, put({ workers: 1, until, by: 'desk' }));
  expect(overridden).toMatchObject({ override: { workers: 1, until, by: 'desk' } });
  await call(`PUT ${one}/override`, at('/override'), 400, put({ workers: 99, until, by: 'desk' }));
  await call(`PUT ${one}/override`, at('/override'), 400, put({ workers: 1, until: 'soon', by: 'desk' }));
  expect(await call(`DELETE ${one}/override`, at('/override'), 200)).toMatchObject({ override: null });
  await call(`PUT ${one}/limits`, at('/limits'), 200, put({ minWorkers: 1, maxWorkers: 1 }));
  await call(`PUT ${one}/limits`, at('/limits'), 400, put({ minWorkers: 2, maxWorkers: 1 }));
  expect(await call(`DELETE ${one}/limits`, at('/limits'), 200)).toMatchObject({ limits: null });
  const timetable = { kind: 'hours', workersByHour: Array<number>(24).fill(1) };
  const planned = await call(`PUT ${one}/calendar`, at('/calendar'), 200, put({ timetable, role: 'floor' }));
  expect(planned).toMatchObject({ calendar: { timetable, leadMs: 0, role: 'floor' } });
  const never = { kind: 'cron', entries: [{ cron: '0 0 31 2 *', workers: 1 }] };
  await call(`PUT ${one}/calendar`, at('/calendar'), 400, put({ timetable: never }));
  await call(`PUT ${one}/calendar`, at('/calendar'), 400, put({ timetable: { ...timetable, workersByHour: [1] } }));
  expect(await call(`DELETE ${one}/calendar`, at('/calendar'), 200)).toMatchObject({ calendar: null });
  expect(await call(`POST ${one}/pause`, at('/pause'), 200)).toMatchObject({ paused: true });
  expect(await call(`POST ${one}/resume`, at('/resume'), 200)).toMatchObject({ paused: false });
});

test('every kind of message of the live protocol comes as docs/asyncapi.yaml describes it', async () => {
  const yaml = await readFile(new URL('../../docs/asyncapi.yaml', import.meta.url), 'utf8');
  const asyncApi = checkerOf(parse(yaml) as object, 'draft-07');
  const messages = (await Promise.all([spoken(), waiting(), refused()])).flat() as { type: string }[];
  for (const message of messages) {
    expect({ message, faults: asyncApi.faults(`/components/schemas/${message.type}`, message) }).toEqual({
      message,
      faults: [],
    });
  }
  const types = new Set(messages.map(({ type }) => type));
  expect([...types].sort()).toEqual(['ack', 'done', 'error', 'final', 'partial', 'queued', 'session', 'started']);
});

/** The drop-in fronts: a session each, as the others. */
test('the addresses of other services', async () => {
  const body = new Uint8Array(wav(noise('front', 800)));
  const form = (): FormData => {
    const parts = new FormData();
    parts.set('file', new Blob([body]), 'front.wav');
    return parts;
  };
  const transcriptions = '/v1/audio/transcriptions';
  for (const format of ['json', 'verbose_json', 'text', 'srt']) {
    const asked = form();
    asked.set('response_format', format);
    await call(`POST ${transcriptions}`, transcriptions, 200, { body: asked });
  }
  const other = form();
  other.set('model', 'klingon');
  await call(`POST ${transcriptions}`, transcriptions, 404, { body: other });
  await call('POST /v1/audio/translations', '/v1/audio/translations', 400, { body: form() });
  await call('GET /v1/models', '/v1/models', 200);
  await call('GET /v1/models/{id}', '/v1/models/en', 200);
  await call('GET /v1/models/{id}', '/v1/models/klingon', 404);
  const audio = { body, headers: { 'content-type': 'audio/wav' } };
  const listen = '/v1/listen';
  await call(`POST ${listen}`, `${listen}?paragraphs=true&utterances=true&tag=a&extra=a:b&keyterm=x`, 200, audio);
  await call(`POST ${listen}`, `${listen}?diarize=true`, 400, audio);
  await call('GET /v1/status', '/v1/status', 200);
  await call('POST /v1/auth/grant', '/v1/auth/grant', 501);
  const recognise = '/client/dynamic/recognize';
  await call(`PUT ${recognise}`, recognise, 200, { body });
  await call(`POST ${recognise}`, `${recognise}?model=klingon`, 200, { body });
  const reference = '/client/dynamic/reference';
  await documentedFetch(system.httpUrl, reference, { method: 'POST', body: 'x', headers: { 'content-id': 'a' } });
  seen.add(`POST ${reference} 200`);
  await call(`POST ${reference}`, reference, 400, { body: 'x' });
});

/** Some addresses of other services only say that they are not there. */
const isOfUse = (responses: object): boolean => Object.keys(responses).some((status) => status.startsWith('2'));

test('health, a worker drained, and no operation of the document is left uncalled', async () => {
  await call('GET /livez', '/livez', 200);
  await call('GET /readyz', '/readyz', 200);
  await call('GET /readyz', '/readyz?verbose', 200);
  const { workers } = (await system.json('/v1/workers')) as { workers: { id: string }[] };
  await call('POST /v1/workers/{id}/drain', `/v1/workers/${workers[0]?.id ?? ''}/drain`, 202);
  await call('POST /v1/workers/{id}/drain', '/v1/workers/nobody/drain', 404);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      isOfUse(responses) ? [`${method.toUpperCase()} ${path}`] : [],
    ),
  );
  expect(
    operations.filter((operation) => ![200, 201, 202].some((status) => seen.has(`${operation} ${status}`))),
  ).toEqual([]);
});

/** All that a client is told until the connection closes. */
async function told(query: string, speak: (socket: WebSocket) => void, until: string): Promise<unknown[]> {
  const { socket, inbox } = await connect(`${system.url}/v1/live?${query}`);
  void inbox.next(until).then(() => speak(socket));
  await inbox.closed;
  return inbox.messages;
}

const spoken = () =>
  told(
    'session=telephone&encoding=mulaw&channels=2',
    (socket) => {
      socket.send(noise('telephone', 1000));
      socket.send('{"type":"keepalive"}');
      socket.send('{"type":"finalize"}');
      socket.send('{"type":"end"}');
    },
    'started',
  );
const waiting = () => told('model=unserved', (socket) => socket.close(1000), 'queued');
const refused = () => told('model=klingon', () => undefined, 'error');
