import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outputNames } from '../../../workers/cli/transcribe.ts';
import { problem, run, session, StandIn, start } from './stand-in.ts';

let service: StandIn;
let folder: string;
beforeEach(async () => {
  service = await new StandIn().start();
  folder = await mkdtemp(join(tmpdir(), 'longhand-cli-'));
});
afterEach(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, bytes: number): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Buffer.alloc(bytes, name));
  return path;
}

test('a file is uploaded whole, with its name and what was asked for, and its words are printed', async () => {
  const path = await file('talk.mp3', 600_000);
  const args = ['transcribe', path, '--model', 'en', '--language', 'en', '--priority', 'low'];
  const { code, out, err } = await run(service.url, args, { LONGHAND_API_KEY: 'key-1' });
  expect({ code, out, err }).toEqual({ code: 0, out: 'words of 600000 bytes\n', err: '' });
  const [upload] = service.uploads;
  expect(upload?.body.equals(await readFile(path))).toBe(true);
  expect(upload?.authorization).toBe('Bearer key-1');
  expect(upload?.query).toEqual({
    model: 'en',
    language: 'en',
    priority: 'low',
    filename: 'talk.mp3',
    session: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
  });
});

test('several files are given in the order of the arguments, whichever is done first', async () => {
  const paths = await Promise.all([file('slow.wav', 3), file('quick.wav', 2)]);
  let asked = 0;
  service.answer = (request) => {
    const slow = service.uploads.find(({ body }) => body.length === 3)?.query['session'];
    if (request !== `GET /v1/sessions/${slow}` || asked++ > 2) return null;
    return { body: session(slow ?? '', { state: 'streaming', progress: 0.2 }) };
  };
  const { code, out } = await run(service.url, ['transcribe', ...paths]);
  expect(code).toBe(0);
  expect(out).toBe(`==> ${paths[0]} <==\nwords of 3 bytes\n\n==> ${paths[1]} <==\nwords of 2 bytes\n`);
});

test('a file that fails is one line, the others are given, and the exit code says so', async () => {
  const bad = await file('bad.wav', 9);
  const good = await file('good.wav', 2);
  service.answer = (request, query) =>
    request === 'POST /v1/sessions' && query.get('filename') === 'bad.wav'
      ? problem(415, 'unsupported_audio', 'the file holds no audio')
      : null;
  const missing = join(folder, 'missing.wav');
  const { code, out, err } = await run(service.url, ['transcribe', bad, missing, folder, good]);
  expect({ code, out }).toEqual({ code: 1, out: `==> ${good} <==\nwords of 2 bytes\n` });
  expect(err.split('\n')).toEqual([
    `longhand: ${bad}: the file holds no audio (unsupported_audio)`,
    `longhand: ${missing}: no such file`,
    `longhand: ${folder}: not a file`,
    'longhand: 3 of 4 files failed',
    '',
  ]);
});

test('a session that fails later is told with its reason', async () => {
  const path = await file('talk.wav', 2);
  service.answer = (request) => {
    if (!/^GET \/v1\/sessions\/[^/]+$/.test(request)) return null;
    return { body: session('x', { state: 'failed', error: { code: 'too_long', detail: 'longer than 12 h' } }) };
  };
  const { code, err } = await run(service.url, ['transcribe', path]);
  expect({ code, err }).toEqual({ code: 1, err: `longhand: ${path}: longer than 12 h (too_long)\n` });
});

test('a service that is away for a moment costs no file: the upload is repeated under the same id', async () => {
  const path = await file('talk.wav', 2);
  const seen: string[] = [];
  let away = 4;
  service.answer = (request, query) => {
    if (request === 'GET /livez') return null;
    if (request === 'POST /v1/sessions') seen.push(query.get('session') ?? '');
    return away-- > 0 ? problem(503, 'temporal_unavailable', 'Temporal does not answer', true) : null;
  };
  const { code, out } = await run(service.url, ['transcribe', path]);
  expect({ code, out }).toEqual({ code: 0, out: 'words of 2 bytes\n' });
  expect(new Set(seen).size).toBe(1);
});

test('an upload whose answer was lost is found again, not made twice', async () => {
  const path = await file('talk.wav', 2);
  let posts = 0;
  service.answer = (request) => {
    if (request !== 'POST /v1/sessions') return null;
    posts += 1;
    // The first attempt came through; only its answer did not.
    if (posts === 1) return problem(503, 'internal', 'lost', true);
    return problem(409, 'session_exists', 'a session with this id exists already');
  };
  service.words = () => 'there\n';
  service.uploads.push({ query: {}, authorization: undefined, body: Buffer.alloc(0) });
  const usual = service.answer;
  service.answer = (request, query, body) => {
    const [, id, transcript] = /^GET \/v1\/sessions\/([^/]+)(\/transcript)?$/.exec(request) ?? [];
    if (id === undefined) return usual(request, query, body);
    return { body: transcript === undefined ? session(id) : 'there\n' };
  };
  const { code, out } = await run(service.url, ['transcribe', path]);
  expect({ code, out, posts }).toEqual({ code: 0, out: 'there\n', posts: 2 });
});

test('--output writes one file for each, and names that would meet are kept apart', async () => {
  const paths = await Promise.all([file('talk.wav', 1), file('talk.mp3', 2), file('more.ogg', 3)]);
  const { code, out } = await run(service.url, [
    'transcribe',
    ...paths,
    '--format',
    'vtt',
    '--output',
    `${folder}/out`,
  ]);
  expect(code).toBe(0);
  expect((await readdir(`${folder}/out`)).sort()).toEqual(['more.vtt', 'talk.mp3.vtt', 'talk.wav.vtt']);
  expect(await readFile(`${folder}/out/talk.mp3.vtt`, 'utf8')).toBe('words of 2 bytes\n');
  expect(out.split('\n')[0]).toBe(`${paths[0]} → ${folder}/out/talk.wav.vtt`);
});

test('files of the same name get a number', () => {
  expect(outputNames(['a/x.wav', 'b/x.wav', 'c/y.wav'], 'txt')).toEqual(['x.wav.txt', 'x.wav-2.txt', 'y.txt']);
});

test('several subtitle files are not run together', async () => {
  const { code, err } = await run(service.url, ['transcribe', 'a.wav', 'b.wav', '--format', 'srt']);
  expect({ code, uploads: service.uploads }).toEqual({ code: 2, uploads: [] });
  expect(err).toContain('--output');
});

test('Ctrl-C leaves at once, and says where the files that were uploaded are found', async () => {
  const path = await file('talk.wav', 2);
  service.answer = (request) =>
    /^GET \/v1\/sessions\/[^/]+$/.test(request) ? { body: session('x', { state: 'streaming', progress: 0.5 }) } : null;
  const running = start(service.url, ['transcribe', path]);
  while (!service.requests.some((request) => /^GET \/v1\/sessions\//.test(request))) {
    await new Promise((next) => setTimeout(next, 5));
  }
  running.child.kill('SIGINT');
  const { code, out, err } = await running.outcome;
  expect({ code, out }).toEqual({ code: 130, out: '' });
  expect(err).toContain(`${path}: npx longhand show ${service.uploads[0]?.query['session'] ?? ''}`);
});
