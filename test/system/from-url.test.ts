/** A file at an address becomes a session like an upload, whatever fails on the way; and no address leads inside. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient } from '../../infra/temporal.ts';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { noise } from '../harness/caller.ts';
import { FileServer } from '../harness/file-server.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

const MAX_BYTES = 2_000_000;
/** Loopback, and not allowed: only 127.0.0.1 is. */
const ELSEWHERE = '127.0.0.2';
const AUDIO = noise('far', 20_000);

let files: FileServer;
let system: System;
beforeAll(async () => {
  files = await new FileServer().listen();
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 } },
    settings: {
      LONGHAND_OUTBOUND_ALLOW: '127.0.0.1',
      LONGHAND_MAX_UPLOAD_BYTES: String(MAX_BYTES),
      LONGHAND_FETCH_ATTEMPTS: '2',
      LONGHAND_FETCH_LIMIT_MS: '20000',
      LONGHAND_UPLOAD_STALL_MS: '5000',
      // Requests of clients stand still no longer either.
      LONGHAND_PREPARE_WAIT_MS: '1500',
      LONGHAND_TEMPORAL_DEADLINE_MS: '3000',
      LONGHAND_SPAN_MS: '5000',
    },
  });
}, 120_000);
afterAll(async () => {
  await system.stop();
  files.close();
}, 30_000);

interface Posted {
  readonly status: number;
  readonly body: { readonly code?: string; readonly detail?: string };
}

async function post(session: string, url: string): Promise<Posted> {
  const answer = await fetch(`${system.httpUrl}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url, session }),
  });
  return { status: answer.status, body: (await answer.json()) as Posted['body'] };
}

/** How a session failed. */
async function failed(session: string): Promise<{ code: string; detail: string | null }> {
  const shown = await until(
    `${session} fails`,
    () => system.json(`/v1/sessions/${session}`) as Promise<{ state: string; error: { code: string; detail: string } }>,
    ({ state }) => state === 'failed',
  );
  return shown.error;
}

/** Every upload that is still stored, unfinished ones too. */
async function uploadsLeft(): Promise<string[]> {
  const folder = join(system.folder, 'objects');
  // A folder that is deleted while it is read is looked at again.
  const look = () => readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  const names = await until('the folder is read', look, (found) => found !== null);
  return (names ?? [])
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .filter((path) => path.startsWith('uploads/') || path.startsWith('.unfinished/'));
}

const textsOf = ({ segments }: TranscriptDocument): string[] => segments.map(({ text }) => text);

test('a file at an address is transcribed as the same file uploaded, also behind a redirect', async () => {
  await postFile(system, wav(AUDIO), '?session=near');
  const near = await finishedFile(system, 'near');
  const url = files.at('/talk.wav', wav(AUDIO));
  expect((await post('far', url)).status).toBe(202);
  expect(textsOf(await finishedFile(system, 'far'))).toEqual(textsOf(near));
  const moved = files.at('/moved', (response) => void response.writeHead(302, { location: '/talk.wav' }).end());
  expect((await post('moved', moved)).status).toBe(202);
  expect(textsOf(await finishedFile(system, 'moved'))).toEqual(textsOf(near));
  await until('no upload is left', uploadsLeft, (left) => left.length === 0);
});

test('a server that fails once is asked again', async () => {
  const whole = wav(AUDIO);
  const busy = files.at('/busy', (response, times) => void response.writeHead(times === 0 ? 503 : 200).end(whole));
  const broken = files.at('/broken', (response, times) => {
    response.writeHead(200, { 'content-length': whole.length });
    if (times > 0) response.end(whole);
    else response.write(whole.subarray(0, 300_000), () => response.destroy());
  });
  await Promise.all([post('busy', busy), post('broken', broken)]);
  for (const session of ['busy', 'broken']) {
    expect((await finishedFile(system, session)).audioMs).toBe(20_000);
    expect(files.timesOf(`/${session}`)).toBe(2);
  }
});

test('what is not there fails at once, and is said so', async () => {
  expect(
    await post(
      'missing',
      files.at('/missing', (response) => void response.writeHead(404).end()),
    ),
  ).toMatchObject({
    status: 422,
    body: { code: 'fetch_failed', detail: 'the server answered 404 for the file' },
  });
  expect(files.timesOf('/missing')).toBe(1);
  expect(await failed('missing')).toEqual({ code: 'fetch_failed', detail: 'the server answered 404 for the file' });
});

test('a server that fails again and again, or stands still, is given up after as many attempts as are set', async () => {
  const down = files.at('/down', (response) => void response.writeHead(500).end());
  const still = files.at('/still', (response) => void response.writeHead(200).write(wav(AUDIO).subarray(0, 1000)));
  await Promise.all([post('down', down), post('still', still), post('closed', 'http://127.0.0.1:9/x.wav')]);
  expect(await failed('down')).toEqual({ code: 'fetch_failed', detail: 'the server answered 500 for the file' });
  expect((await failed('still')).code).toBe('fetch_failed');
  expect((await failed('closed')).code).toBe('fetch_failed');
  expect([files.timesOf('/down'), files.timesOf('/still')]).toEqual([2, 2]);
});

test('more bytes than allowed are not stored, whether the server says so or not; nor are none', async () => {
  const large = Buffer.alloc(MAX_BYTES + 1);
  const said = files.at('/large', large);
  const unsaid = files.at('/endless', (response) => {
    const more = (): void => {
      if (!response.destroyed) response.write(large.subarray(0, 65_536), more);
    };
    more();
  });
  expect(await post('large', said)).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
  expect(await post('endless', unsaid)).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
  expect(await post('empty', files.at('/empty', Buffer.alloc(0)))).toMatchObject({ body: { code: 'empty_audio' } });
  expect(await post('page', files.at('/page', Buffer.from('<html></html>')))).toMatchObject({ status: 415 });
  await until('no upload is left', uploadsLeft, (left) => left.length === 0);
});

// Bad input, row 23.
test.each([
  `http://${ELSEWHERE}/x`,
  'http://[::1]/x',
  'http://169.254.169.254/latest/meta-data/',
  'http://10.0.0.1/x',
  'file:///etc/passwd',
])('%s is refused when it is given, and no session is there', async (url) => {
  const session = `no-${url.replaceAll(/\W/g, '')}`;
  expect(await post(session, url)).toMatchObject({ status: 400, body: { code: 'forbidden_address' } });
  expect((await fetch(`${system.httpUrl}/v1/sessions/${session}`)).status).toBe(404);
});

test.each([`http://${ELSEWHERE}:PORT/inside`, 'http://[::1]:PORT/inside', 'file:///etc/passwd'])(
  'a redirect to %s is refused when it is met, and is not followed',
  async (target) => {
    const location = target.replace('PORT', String(files.port));
    files.at('/inside', wav(AUDIO));
    const path = `/leads-${target.replaceAll(/\W/g, '')}`;
    const url = files.at(path, (response) => void response.writeHead(307, { location }).end());
    const session = path.slice(1);
    expect(await post(session, url)).toMatchObject({ status: 400, body: { code: 'forbidden_address' } });
    expect((await failed(session)).code).toBe('forbidden_address');
    expect(files.timesOf('/inside')).toBe(0);
  },
);

/** Temporal has heard of the fetch: from here on it hears again only as often as the worker lets through. */
async function untilHeard(session: string): Promise<void> {
  const client = openClient(system.temporal.address, 'default');
  const handle = client.workflow.getHandle(sessionWorkflowId({ tenant: 'default', id: session }));
  const beats = async (): Promise<unknown[]> => {
    const { raw } = await handle.describe();
    return (raw.pendingActivities ?? []).map(({ lastHeartbeatTime }) => lastHeartbeatTime ?? null);
  };
  await until('the fetch is heard of', beats, (seen) => seen.length > 0 && !seen.includes(null));
  await client.connection.close();
}

test.each([
  ['cancelled', 'POST', '/cancel'],
  ['deleted', 'DELETE', ''],
])(
  'a file that is %s while it comes is let go of at its server within 4 s, and nothing of it is stored',
  async (how, method, path) => {
    const gone = Promise.withResolvers<undefined>();
    const url = files.at(`/${how}`, (response) => {
      response.writeHead(200, { 'content-length': 1_000_000 });
      response.write(wav(AUDIO).subarray(0, 300_000));
      response.once('close', () => gone.resolve(undefined));
    });
    const posted = post(how, url);
    await files.untilAsked(`/${how}`);
    await untilHeard(how);
    const before = performance.now();
    await fetch(`${system.httpUrl}/v1/sessions/${how}${path}`, { method });
    await gone.promise;
    expect(performance.now() - before).toBeLessThan(4000);
    await posted;
    await until('nothing is left', uploadsLeft, (names) => names.length === 0);
  },
  40_000,
);

test('an orchestrator killed in the middle of a file: it is fetched again, and is whole', async () => {
  const whole = wav(AUDIO);
  const url = files.at('/slow', (response, times) => {
    response.writeHead(200, { 'content-length': whole.length });
    if (times > 0) response.end(whole);
    else response.write(whole.subarray(0, 300_000));
  });
  await Promise.all([
    post('interrupted', url),
    files.untilAsked('/slow').then(async () => {
      await system.orchestrator.kill();
      await system.orchestrator.start();
    }),
  ]);
  expect((await finishedFile(system, 'interrupted')).audioMs).toBe(20_000);
  // What the killed process had written is no object, and goes with the next day.
  expect((await uploadsLeft()).filter((path) => !path.startsWith('.unfinished/'))).toEqual([]);
}, 60_000);
