/** Resumable uploads, driven by a client that no one here wrote, over real HTTP into a real folder. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import type { UploadOptions } from 'tus-js-client';
import { openUpload } from '../../../activities/upload-source.ts';
import type { ObjectsPort } from '../../../gateway/ports.ts';
import { newUploadId } from '../../../gateway/uploads/upload-id.ts';
import { Uploads } from '../../../gateway/uploads/uploads.ts';
import { openFolder } from '../../../infra/objects/folder.ts';
import type { ObjectStore } from '../../../infra/objects/port.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import { Backstage, Edge } from '../../harness/edge.ts';

const LIMIT = 20_000_000;
const HOUR_MS = 3_600_000;
const TUS = { 'tus-resumable': '1.0.0' };
const PATCH = { ...TUS, 'content-type': 'application/offset+octet-stream' };

let folder: string;
let objects: ObjectStore;
let backstage: Backstage;
let edge: Edge;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-tus-'));
  objects = await openFolder(folder);
  backstage = new Backstage();
  edge = await gateway();
});
afterEach(async () => {
  await edge.end();
  await rm(folder, { recursive: true, force: true });
});

const gateway = (store: ObjectsPort = objects): Promise<Edge> =>
  new Edge({ maxUploadBytes: LIMIT, uploadTtlMs: HOUR_MS }, backstage, { objects: store }).listen();

const left = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((at) => at.isFile()).map(({ name }) => name);

const file = (bytes: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + i / 977) % 256));

/** Uploads all of it; answers the upload's id. */
async function upload(bytes: Buffer, options: Partial<UploadOptions> = {}): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const sending = new Upload(bytes, {
    endpoint: `${edge.url}/v1/uploads`,
    retryDelays: null,
    onSuccess: () => resolve(sending.url?.split('/').at(-1) ?? ''),
    onError: reject,
    ...options,
  });
  sending.start();
  return promise;
}

async function stored(id: string): Promise<Buffer> {
  const content = await openUpload(objects, 't', id);
  return Buffer.concat(content === null ? [] : await Array.fromAsync(content));
}

async function begin(bytes: number, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(`${edge.url}/v1/uploads`, {
    method: 'POST',
    headers: { ...TUS, 'upload-length': String(bytes), ...headers },
  });
  expect(response.status).toBe(201);
  const location = response.headers.get('location') ?? '';
  expect(location).toMatch(/^\/v1\/uploads\/[0-9a-f-]{36}$/);
  return location.split('/').at(-1) ?? '';
}

const patch = (id: string, offset: number, body: Uint8Array, to = edge): Promise<Response> =>
  fetch(`${to.url}/v1/uploads/${id}`, {
    method: 'PATCH',
    headers: { ...PATCH, 'upload-offset': String(offset) },
    body: new Uint8Array(body),
  });

const offsetOf = async (id: string, of = edge): Promise<number> => {
  const response = await fetch(`${of.url}/v1/uploads/${id}`, { method: 'HEAD', headers: TUS });
  expect(response.status).toBe(200);
  return Number(response.headers.get('upload-offset'));
};

async function startSession(body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${edge.url}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as { id?: string; code?: string } };
}

describe('an upload by tus', () => {
  test('of several requests is stored byte for byte, and a session is started from it', async () => {
    const bytes = file(11_000_000);
    const uploadId = await upload(bytes, { chunkSize: 3_000_000, metadata: { filename: '../talk.wav' } });
    expect((await stored(uploadId)).equals(bytes)).toBe(true);
    expect(await startSession({ uploadId, priority: 'low' })).toMatchObject({ status: 202, body: { id: uploadId } });
    expect(backstage.sessions.files).toMatchObject([
      { uploadId, fileName: 'talk.wav', uploadBytes: 11_000_000, priority: 'low', model: 'en' },
    ]);
  });

  test('may come with its creation', async () => {
    const bytes = file(100_000);
    const uploadId = await upload(bytes, { uploadDataDuringCreation: true });
    expect((await stored(uploadId)).equals(bytes)).toBe(true);
  });

  test('that one gateway began is taken up by another, from the last byte that came', async () => {
    const bytes = file(9_000_000);
    const id = await begin(bytes.length);
    const request = httpRequest(`${edge.url}/v1/uploads/${id}`, {
      method: 'PATCH',
      headers: { ...PATCH, 'upload-offset': 0, 'content-length': bytes.length },
    });
    request.on('error', () => undefined);
    request.write(bytes.subarray(0, 6_000_000));
    // The first part is there: the rest of what came is stored once the connection is gone.
    while ((await offsetOfParts(id)) === 0) await new Promise((resolve) => setImmediate(resolve));
    request.destroy();
    const other = await gateway();
    try {
      while ((await offsetOf(id, other)) < 6_000_000) await new Promise((resolve) => setImmediate(resolve));
      expect((await patch(id, 6_000_000, bytes.subarray(6_000_000), other)).status).toBe(204);
      expect((await stored(id)).equals(bytes)).toBe(true);
    } finally {
      await other.end();
    }
  });

  const offsetOfParts = async (id: string): Promise<number> =>
    (await Array.fromAsync(objects.list(objectKeys.uploadParts('t', id)))).length;

  test('at two gateways at once is stored as one of them sent it: the other is told to ask how far it is', async () => {
    const bytes = file(5_000_000);
    const id = await begin(bytes.length);
    const other = await gateway();
    try {
      const answers = await Promise.all([patch(id, 0, bytes), patch(id, 0, bytes, other)]);
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([204, 409]);
      expect((await stored(id)).equals(bytes)).toBe(true);
    } finally {
      await other.end();
    }
  });

  test('at an offset that is not its end is refused by 409, and what there is stays', async () => {
    const id = await begin(1000);
    expect((await patch(id, 0, file(400))).status).toBe(204);
    for (const offset of [0, 399, 401, 1000]) expect((await patch(id, offset, file(10))).status).toBe(409);
    expect(await offsetOf(id)).toBe(400);
  });

  test('says what the server can do, and until when it is kept', async () => {
    const options = await fetch(`${edge.url}/v1/uploads`, { method: 'OPTIONS' });
    expect(options.headers.get('tus-version')).toBe('1.0.0');
    expect(options.headers.get('tus-max-size')).toBe(String(LIMIT));
    expect(options.headers.get('tus-extension')?.split(',')).toEqual(
      expect.arrayContaining(['creation', 'creation-with-upload', 'termination', 'expiration']),
    );
    const id = await begin(1000);
    const answer = await patch(id, 0, file(400));
    expect(Date.parse(answer.headers.get('upload-expires') ?? '')).toBeGreaterThan(Date.now());
    const shown = await (await fetch(`${edge.url}/v1/uploads/${id}`)).json();
    expect(shown).toMatchObject({ id, kind: 'tus', bytes: 1000, storedBytes: 400, complete: false });
  });

  test('that is ended is gone, with all its parts, and cannot be written to', async () => {
    const id = await begin(1000);
    await patch(id, 0, file(400));
    const end = () => fetch(`${edge.url}/v1/uploads/${id}`, { method: 'DELETE', headers: TUS });
    expect((await end()).status).toBe(204);
    expect(await left()).toEqual([]);
    expect((await end()).status).toBe(404);
    expect((await patch(id, 400, file(600))).status).toBe(404);
    expect(await left()).toEqual([]);
  });

  test('that is ended while a part is being written does not come back by it', async () => {
    const id = await begin(1000);
    const storing = Promise.withResolvers<unknown>();
    const mayGoOn = Promise.withResolvers<unknown>();
    const create = async (key: string, body: Uint8Array): Promise<boolean> => {
      storing.resolve(null);
      await mayGoOn.promise;
      return objects.create(key, body);
    };
    const whole: ObjectsPort = {
      create,
      get: (key) => objects.get(key),
      getStream: (key) => objects.getStream(key),
      put: (key, body) => objects.put(key, body),
      putStream: (key, body) => objects.putStream(key, body),
      list: (prefix) => objects.list(prefix),
      deleteAll: (prefix) => objects.deleteAll(prefix),
      check: () => objects.check(),
    };
    const slow = await gateway(whole);
    try {
      const late = patch(id, 0, file(1000), slow);
      await storing.promise;
      expect((await fetch(`${edge.url}/v1/uploads/${id}`, { method: 'DELETE' })).status).toBe(204);
      mayGoOn.resolve(null);
      expect((await late).status).toBe(404);
      expect(await left()).toEqual([]);
    } finally {
      await slow.end();
    }
  });
});

describe('what is no upload is refused, and leaves nothing behind', () => {
  afterEach(async () => {
    expect(await left()).toEqual([]);
  });

  test.each<[string, number, Record<string, string>]>([
    ['an empty file', 400, { 'upload-length': '0' }],
    ['more than the limit', 413, { 'upload-length': String(LIMIT + 1) }],
    ['a length that is none', 400, { 'upload-length': '-5' }],
    ['no length', 400, {}],
    ['a length that comes later', 501, { 'upload-defer-length': '1' }],
    ['metadata that is none', 400, { 'upload-length': '10', 'upload-metadata': 'filename not*base64' }],
    ['a version of tus that is none', 412, { 'upload-length': '10', 'tus-resumable': '0.2.2' }],
  ])('%s', async (_what, status, headers) => {
    const response = await fetch(`${edge.url}/v1/uploads`, { method: 'POST', headers: { ...TUS, ...headers } });
    expect(response.status).toBe(status);
  });

  test.each([
    'nobody',
    '00000000-0000-4000-8000-000000000000',
    '..%2f..%2fetc',
    '018f0000-0000-7000-8000-000000000000',
  ])('an upload that does not exist: %s', async (id) => {
    for (const method of ['HEAD', 'PATCH', 'DELETE']) {
      const headers = method === 'PATCH' ? { ...PATCH, 'upload-offset': '0' } : TUS;
      const response = await fetch(`${edge.url}/v1/uploads/${id}`, { method, headers });
      expect({ method, status: response.status }).toEqual({ method, status: 404 });
    }
    expect((await fetch(`${edge.url}/v1/uploads/${id}`)).status).toBe(404);
    expect(await startSession({ uploadId: id })).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  test('an upload whose time is over, though it is still stored', async () => {
    const uploads = new Uploads(objects, 't', HOUR_MS);
    const id = await uploads.begin({ bytes: 1000, fileName: 'a.wav' }, newUploadId(Date.now() - HOUR_MS - 1000));
    expect(await left()).toEqual(['info.json']);
    expect((await fetch(`${edge.url}/v1/uploads/${id}`, { method: 'HEAD', headers: TUS })).status).toBe(404);
    expect((await patch(id, 0, file(1000))).status).toBe(404);
    expect((await fetch(`${edge.url}/v1/uploads/${id}`)).status).toBe(404);
    expect(await startSession({ uploadId: id })).toMatchObject({ status: 404, body: { code: 'not_found' } });
    await uploads.discard(id);
  });

  test('a part that storage does not take: what came before it stays, and what follows leaves no gap', async () => {
    const bytes = file(11_000_000);
    const id = await begin(bytes.length);
    let isFull = true;
    const full: ObjectsPort = Object.assign(Object.create(objects) as ObjectsPort, {
      create: (key: string, body: Uint8Array) =>
        isFull && key.endsWith('/0000000004194304')
          ? Promise.reject(new Error('the disk is full'))
          : objects.create(key, body),
      get: (key: string) => objects.get(key),
      list: (prefix: string) => objects.list(prefix),
    });
    const short = await gateway(full);
    try {
      expect((await patch(id, 0, bytes, short)).status).toBe(500);
      isFull = false;
      expect(await offsetOf(id, short)).toBe(4_194_304);
      expect((await patch(id, 4_194_304, bytes.subarray(4_194_304), short)).status).toBe(204);
      expect((await stored(id)).equals(bytes)).toBe(true);
    } finally {
      await short.end();
    }
    await fetch(`${edge.url}/v1/uploads/${id}`, { method: 'DELETE' });
  });

  test('more bytes than were announced', async () => {
    const id = await begin(100);
    expect((await patch(id, 0, file(101))).status).toBe(413);
    await fetch(`${edge.url}/v1/uploads/${id}`, { method: 'DELETE' });
  });
});

describe('a session from an upload', () => {
  test('that has not come whole is refused, and may be asked for again', async () => {
    const uploadId = await begin(1000);
    await patch(uploadId, 0, file(999));
    expect(await startSession({ uploadId })).toMatchObject({ status: 409, body: { code: 'upload_incomplete' } });
    await patch(uploadId, 999, file(1));
    expect(await startSession({ uploadId })).toMatchObject({ status: 202 });
  });

  test('asked for again, or fifty times at once, is one session', async () => {
    const uploadId = await upload(file(1000));
    const answers = await Promise.all(Array.from({ length: 50 }, () => startSession({ uploadId })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(backstage.sessions.files).toHaveLength(1);
    // The session has ended, and has let go of its upload.
    await objects.deleteAll(objectKeys.uploads('t', uploadId));
    expect(await startSession({ uploadId })).toEqual(answers[0]);
  });

  test('that another was started from is refused, whatever it is called', async () => {
    const uploadId = await upload(file(1000));
    await startSession({ uploadId });
    expect(await startSession({ uploadId, session: 'b' })).toMatchObject({
      status: 409,
      body: { code: 'upload_used' },
    });
    expect(await startSession({ uploadId }, { 'idempotency-key': 'k' })).toMatchObject({
      body: { code: 'upload_used' },
    });
    expect(await startSession({ uploadId, priority: 'low' })).toMatchObject({ body: { code: 'session_exists' } });
    expect((await fetch(`${edge.url}/v1/uploads/${uploadId}`, { method: 'DELETE' })).status).toBe(409);
  });

  test('under a name that is taken is refused, and the upload is still free', async () => {
    const uploadId = await upload(file(1000));
    await fetch(`${edge.url}/v1/sessions?session=taken`, { method: 'POST', body: 'x' });
    backstage.sessions.exists = ({ id }) => Promise.resolve(id === 'taken');
    expect(await startSession({ uploadId, session: 'taken' })).toMatchObject({
      status: 409,
      body: { code: 'session_exists' },
    });
    expect(await startSession({ uploadId, session: 'free' })).toMatchObject({ status: 202, body: { id: 'free' } });
  });

  test.each<[string, string, string]>([
    ['no JSON', '{', 'invalid_parameter'],
    ['a byte order mark', '\ufeff{}', 'invalid_parameter'],
    ['no upload', '{}', 'invalid_parameter'],
    ['a list', '[]', 'invalid_parameter'],
    ['a field that does not exist', '{"uploadId":"x","colour":"red"}', 'unknown_parameter'],
    ['a field of the object prototype', '{"uploadId":"x","__proto__":{"model":"en"}}', 'unknown_parameter'],
    ['an id that is a number', '{"uploadId":1e400}', 'invalid_parameter'],
    ['a model that does not exist', '{"uploadId":"x","model":"nope"}', 'unknown_model'],
    ['depth', `{"uploadId":${'['.repeat(5000)}${']'.repeat(5000)}}`, 'invalid_parameter'],
    ['length', JSON.stringify({ uploadId: 'x'.repeat(20_000) }), 'upload_too_large'],
  ])('asked for by a body of %s is refused with its reason', async (_what, body, code) => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${edge.url}/v1/sessions`, { method: 'POST', headers, body });
    expect(await response.json()).toMatchObject({ code });
    expect(response.status).toBeLessThan(500);
  });
});
