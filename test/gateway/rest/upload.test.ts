/** An upload over real HTTP into a real folder: one file, or an answer that says what was wrong, and nothing left behind. */
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Failure } from '../../../gateway/failures.ts';
import type { SessionsPort } from '../../../gateway/ports.ts';
import { openFolder } from '../../../infra/objects/folder.ts';
import { Backstage, Edge } from '../../harness/edge.ts';

const LIMIT = 3_000_000;

let folder: string;
let edge: Edge;
let backstage: Backstage;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-upload-'));
  backstage = new Backstage();
  edge = await new Edge({ maxUploadBytes: LIMIT }, backstage, { objects: await openFolder(folder) }).listen();
});
afterEach(async () => {
  await edge.end();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly detail?: string; readonly id?: string };
}

type Body = ConstructorParameters<typeof Response>[0];

async function post(body: Body, query = '', headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`${edge.url}/v1/sessions${query}`, {
    method: 'POST',
    body,
    headers,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** Every file below the folder, unfinished ones too. */
const left = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

const wav = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i % 251));

function form(parts: readonly (readonly [name: string, value: string | Blob, fileName?: string])[]): FormData {
  const data = new FormData();
  for (const [name, value, fileName] of parts) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, fileName);
  }
  return data;
}

/** A body whose length nobody knows before its end. */
const pieces = (bytes: Buffer): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 100_000) controller.enqueue(bytes.subarray(at, at + 100_000));
      controller.close();
    },
  });

const BOUNDARY = 'xxBOUNDARYxx';
/** A form by hand, where a client library would not write it. */
const parts = (...texts: string[]): string =>
  `${texts.map((text) => `--${BOUNDARY}\r\n${text}\r\n`).join('')}--${BOUNDARY}--\r\n`;
const filePart = (name: string, body = 'audio', field = 'file'): string =>
  `Content-Disposition: form-data; name="${field}"; filename="${name}"\r\nContent-Type: audio/wav\r\n\r\n${body}`;
const asForm = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };

async function storedUpload(): Promise<Buffer> {
  const files = await left();
  expect(files).toHaveLength(1);
  expect(files[0]).toMatch(/^uploads\/t\/[0-9a-f-]{36}\/file$/);
  return readFile(join(folder, files[0] ?? ''));
}

describe('an upload', () => {
  test('as a raw body is stored under an id of ours, and a session started', async () => {
    const answer = await post(wav, '?session=talk&filename=talk.wav&priority=low', { 'content-type': 'audio/wav' });
    expect(answer).toMatchObject({ status: 202, body: { id: 'talk', state: 'preparing' } });
    expect((await storedUpload()).equals(wav)).toBe(true);
    expect(backstage.sessions.files).toMatchObject([
      {
        kind: 'file',
        ref: { tenant: 't', id: 'talk' },
        fileName: 'talk.wav',
        uploadBytes: 50_000,
        priority: 'low',
        model: 'en',
      },
    ]);
  });

  test('of unknown length is stored whole', async () => {
    expect((await post(pieces(wav))).status).toBe(202);
    expect((await storedUpload()).equals(wav)).toBe(true);
  });

  test('as a form may have its fields before and after the file', async () => {
    const data = form([
      ['session', 'talk'],
      ['file', new Blob([wav]), 'talk.wav'],
      ['priority', 'high'],
      ['language', 'en'],
    ]);
    expect(await post(data)).toMatchObject({ status: 202, body: { id: 'talk' } });
    expect((await storedUpload()).equals(wav)).toBe(true);
    expect(backstage.sessions.files).toMatchObject([{ fileName: 'talk.wav', priority: 'high' }]);
  });

  test('without a name gets a session id and a file name of ours', async () => {
    const { body } = await post(wav);
    expect(body.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(backstage.sessions.files).toMatchObject([{ fileName: 'audio' }]);
  });

  test.each([
    ['../../../etc/passwd', 'passwd'],
    ['C:\\windows\\x.wav', 'x.wav'],
    ['\u202Egnp.wav', 'gnp.wav'],
    ['a\u0000b.wav', 'ab.wav'],
    ['\u{1F600}'.repeat(1300), '\u{1F600}'.repeat(127)],
    ['', 'audio'],
  ])('with an odd file name (%#) stores under a key of ours and shows a plain name', async (name, shown) => {
    const { status } = await post(parts(filePart(name)), '', asForm);
    expect(status).toBe(202);
    await storedUpload();
    const [file] = backstage.sessions.files;
    expect(file?.fileName.startsWith(shown)).toBe(true);
    expect(file?.fileName.length).toBeLessThanOrEqual(255);
    expect(file?.fileName).not.toMatch(/[\p{Cc}\p{Cf}/\\]/u);
  });
});

describe('what is no upload is refused with what is allowed, and leaves nothing behind', () => {
  afterEach(async () => {
    expect(await left()).toEqual([]);
    expect(backstage.sessions.files).toEqual([]);
  });

  test('an empty body', async () => {
    expect(await post('')).toMatchObject({ status: 400, body: { code: 'empty_audio' } });
    expect(await post(null)).toMatchObject({ status: 400, body: { code: 'empty_audio' } });
  });

  test('an empty file in a form', async () => {
    const answer = await post(form([['file', new Blob([]), 'a.wav']]));
    expect(answer).toMatchObject({ status: 400, body: { code: 'empty_audio' } });
  });

  test.each([LIMIT + 1, 4 * LIMIT])('a body of %d bytes, more than the limit', async (bytes) => {
    const answer = await post(Buffer.alloc(bytes));
    expect(answer).toMatchObject({
      status: 413,
      body: { code: 'upload_too_large', detail: 'more than 3000000 bytes' },
    });
  });

  test('a body of unknown length that turns out to be more than the limit', async () => {
    const answer = await post(pieces(Buffer.alloc(4 * LIMIT)));
    expect(answer).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
    const whole = parts(filePart('a.wav', 'x'.repeat(2 * LIMIT)));
    expect(await post(pieces(Buffer.from(whole)), '', asForm)).toMatchObject({ status: 413 });
  });

  test.each([LIMIT + 1, 4 * LIMIT])('a file of %d bytes in a form, more than the limit', async (bytes) => {
    const data = form([
      ['file', new Blob([Buffer.alloc(bytes)]), 'a.wav'],
      ['priority', 'low'],
    ]);
    expect(await post(data)).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
  });

  test.each([
    ['modell=en', 'unknown_parameter', 'filename'],
    ['__proto__=x', 'unknown_parameter', 'filename'],
    ['priority=urgent', 'invalid_parameter', 'high'],
    ['session=a/b', 'invalid_parameter', 'letters, digits'],
    ['session=a&session=b', 'invalid_parameter', 'more than once'],
    ['model=nope', 'unknown_model', 'one of en'],
    ['language=xx', 'unknown_language', 'knows en'],
    [`filename=${'x'.repeat(256)}`, 'invalid_parameter', '255'],
  ])('a raw body with wrong parameters (%#)', async (query, code, allowed) => {
    const { status, body } = await post(wav, `?${query}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code });
    expect(body.detail).toContain(allowed);
  });

  test.each([
    ['modell', 'en', 'unknown_parameter'],
    ['__proto__', 'x', 'unknown_parameter'],
    ['constructor', 'x', 'unknown_parameter'],
    ['priority', 'urgent', 'invalid_parameter'],
    ['model', 'nope', 'unknown_model'],
    ['session', 'x'.repeat(2000), 'invalid_upload'],
  ])('a form with a wrong field %s (%#), before or after its file', async (name, value, code) => {
    const file = ['file', new Blob([wav]), 'a.wav'] as const;
    for (const data of [form([[name, value], file]), form([file, [name, value]])]) {
      const { status, body } = await post(data);
      expect({ status, code: body.code }).toEqual({ status: 400, code });
    }
  });

  test('a form with the same field twice, or in query and form', async () => {
    const file = ['file', new Blob([wav]), 'a.wav'] as const;
    for (const [data, query] of [
      [form([['session', 'a'], file, ['session', 'a']]), ''],
      [form([file, ['session', 'a']]), '?session=a'],
    ] as const) {
      expect((await post(data, query)).body).toMatchObject({
        code: 'invalid_parameter',
        detail: 'session: given more than once',
      });
    }
  });

  test('a form without a file, or with its file under another name', async () => {
    expect((await post(form([['priority', 'low']]))).body).toMatchObject({
      code: 'invalid_upload',
      detail: 'the form has no part `file`',
    });
    expect((await post(form([['audio', new Blob([wav]), 'a.wav']]))).body).toMatchObject({
      code: 'invalid_upload',
      detail: 'a form holds one part named `file`, and no other file',
    });
  });

  test('a form with two files, or twenty', async () => {
    for (const count of [2, 20]) {
      const files = Array.from({ length: count }, (_, i) => ['file', new Blob([wav]), `${i}.wav`] as const);
      expect(await post(form(files))).toMatchObject({ status: 400, body: { code: 'invalid_upload' } });
    }
  });

  test('a form with ten thousand parts', async () => {
    const fields = Array.from({ length: 10_000 }, (_, i) => `Content-Disposition: form-data; name="f${i}"\r\n\r\nx`);
    const answer = await post(parts(filePart('a.wav'), ...fields), '', asForm);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_upload' } });
  });

  test('a form with a field name of a megabyte', async () => {
    const answer = await post(parts(filePart('a.wav'), filePart('b.wav', 'x', 'y'.repeat(1 << 20))), '', asForm);
    expect(answer.status).toBe(400);
  });

  test('a form that is none: no boundary, a wrong one, no end', async () => {
    expect(await post('x', '', { 'content-type': 'multipart/form-data' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_upload' },
    });
    for (const body of ['hello', `--${BOUNDARY}\r\n${filePart('a.wav', 'cut off')}`]) {
      const { status, body: problem } = await post(body, '', asForm);
      expect({ status, code: problem.code }).toEqual({ status: 400, code: 'incomplete_upload' });
    }
  });

  test('a form whose file is whole and whose rest is cut off', async () => {
    const whole = parts(filePart('a.wav'), 'Content-Disposition: form-data; name="priority"\r\n\r\nlow');
    const answer = await post(whole.slice(0, -20), '', asForm);
    expect(answer).toMatchObject({ status: 400, body: { code: 'incomplete_upload' } });
  });

  test('a session that exists already', async () => {
    const twice: Partial<SessionsPort> = {
      startFile: () => Promise.reject(new Failure('session_exists', 'a session with the id talk exists already')),
    };
    await edge.end();
    const sessions = Object.assign(Object.create(backstage.sessions) as SessionsPort, twice);
    edge = await new Edge({}, backstage, { objects: await openFolder(folder), sessions }).listen();
    expect(await post(wav, '?session=talk')).toMatchObject({ status: 409, body: { code: 'session_exists' } });
  });

  test.each(['raw', 'form'])('a client that leaves when 99 %% is sent (%s)', async (kind) => {
    const body = kind === 'raw' ? wav : Buffer.from(parts(filePart('a.wav', 'x'.repeat(50_000))));
    const request = httpRequest(`${edge.url}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-length': body.length, ...(kind === 'form' ? asForm : {}) },
    });
    request.on('error', () => undefined);
    const arrived = once(edge.server.http, 'request') as Promise<[{ once(event: 'close', seen: () => void): void }]>;
    request.write(body.subarray(0, body.length * 0.99));
    const [seen] = await arrived;
    const closed = new Promise<void>((resolve) => seen.once('close', resolve));
    await new Promise((resolve) => setImmediate(resolve));
    request.destroy();
    await closed;
    // What was begun is removed; the log says it when it is done.
    while ((await left()).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect((await fetch(`${edge.url}/livez`)).status).toBe(200);
  });
});

test('an upload whose start nobody confirmed is kept: the session may have begun', async () => {
  backstage.sessions.away = new Failure('temporal_unavailable', 'away');
  expect(await post(wav)).toMatchObject({ status: 503, body: { code: 'temporal_unavailable' } });
  expect((await storedUpload()).equals(wav)).toBe(true);
});

test('a refusal by the decoder is told at once', async () => {
  backstage.sessions.probeAnswer = { ok: false, reason: 'unsupported_audio', detail: 'not audio' };
  expect(await post(wav)).toMatchObject({ status: 415, body: { code: 'unsupported_audio', detail: 'not audio' } });
});

test('a decoder that takes its time does not hold the answer', async () => {
  backstage.sessions.probeAnswer = null;
  expect((await post(wav)).status).toBe(202);
});
