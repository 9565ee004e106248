/** kaldi-gstreamer-server's HTTP addresses at the gateway: real requests, curl's among them, stand-ins behind. */
import { execFile } from 'node:child_process';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { referenceKey } from '../../../../gateway/dialects/kaldi/routes.ts';
import { Edge } from '../../../harness/edge.ts';
import { sound, wav } from '../../../harness/sound.ts';
import { given } from './given.ts';

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge({ maxUploadBytes: 500_000 }).listen();
});
afterEach(() => edge.end());

const RECOGNISE = '/client/dynamic/recognize';
const post = (query: string, body: Buffer, headers: Record<string, string> = {}, method = 'POST') =>
  fetch(`${edge.url}${RECOGNISE}${query}`, { method, body: Uint8Array.from(body), headers });

/** Serves the session until its audio has ended: finals of one second each. */
async function serve(id: string, texts: readonly string[]): Promise<void> {
  const { hear } = await given(edge, id);
  await edge.sessions.until(id, (state) => state.audioEndByte !== null);
  texts.forEach((text, i) => hear(text, i * 1000, (i + 1) * 1000));
  await edge.sessions.complete(id);
}

test('a body is answered with all finals, joined by a space, and is in the audio log as any session is', async () => {
  const answer = post('?session=s', sound(), { 'Content-Type': 'audio/x-raw-int; rate=16000' }, 'PUT');
  await serve('s', ['see on', 'test']);
  const response = await answer;
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 0, id: 's', hypotheses: [{ utterance: 'see on test' }] });
  expect((await edge.stored()).equals(sound())).toBe(true);
});

test('curl -T with a WAV file: sent in chunks, heard while it is uploaded', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-kaldi-'));
  await writeFile(join(folder, 'f.wav'), wav(sound()));
  const curl = promisify(execFile)('curl', [
    ...['-sS', '-T', join(folder, 'f.wav'), '-H', 'Transfer-Encoding: chunked', `${edge.url}${RECOGNISE}?session=s`],
  ]);
  await serve('s', ['one']);
  expect(JSON.parse((await curl).stdout)).toEqual({ status: 0, id: 's', hypotheses: [{ utterance: 'one' }] });
  expect((await edge.stored()).equals(sound())).toBe(true);
  await rm(folder, { recursive: true });
});

test('decoding starts while the body is uploaded', async () => {
  const upload = request(`${edge.url}${RECOGNISE}?session=s`, { method: 'PUT' });
  const answered = new Promise<number | undefined>((resolve) => {
    upload.on('response', (response) => resolve(response.resume().statusCode));
  });
  upload.write(wav(sound()).subarray(0, 40_000));
  const { worker } = await given(edge, 's');
  await worker.inbox.until(() => worker.inbox.audio.length > 30_000);
  upload.end(wav(sound()).subarray(40_000));
  await edge.sessions.until('s', (state) => state.audioEndByte === sound().length);
  await edge.sessions.complete('s');
  expect(await answered).toBe(200);
});

test('nobody spoke: an empty utterance', async () => {
  const answer = post('?session=s', Buffer.alloc(0));
  await serve('s', []);
  expect(await (await answer).json()).toEqual({ status: 0, id: 's', hypotheses: [{ utterance: '' }] });
});

test.each([
  ['caps that make no sense', { 'Content-Type': 'audio/x-raw-int; rate=abc' }, sound(), /rate "abc"/],
  ['a WAV header of 3 bits', {}, wav(sound(), { bits: 3 }), /3 bits/],
  ['a body larger than is taken', {}, Buffer.alloc(500_001), /more than 500000 bytes/],
])('%s: HTTP 200 with status 5 and why', async (_, headers, body, message) => {
  const response = await post('?session=s', body, headers);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({
    status: 5,
    id: expect.any(String) as string,
    message: expect.stringMatching(message) as string,
  });
});

test('what has no effect is named in the answer', async () => {
  const answer = post('?session=s&nbest=3', sound(), { 'device-id': 'a "phone"' });
  await serve('s', ['one']);
  expect(await (await answer).json()).toMatchObject({ status: 0, ignored: ['nbest', 'device-id'] });
});

test('the ids of headers and of the address are labels of the session', async () => {
  const headers = {
    'Device-Id': 'phone',
    'User-Id': Buffer.from('Jüri').toString('latin1'),
    'Content-Id': 'of the header',
  };
  const answer = post('?session=s&content-id=17', sound(), headers);
  await serve('s', ['one']);
  expect(await (await answer).json()).not.toHaveProperty('ignored');
  const shown: unknown = await (await fetch(`${edge.url}/v1/sessions/s`)).json();
  expect(shown).toMatchObject({ labels: ['device-id:phone', 'user-id:Jüri', 'content-id:17'] });
});

test('a client that goes away in the middle leaves no session behind', async () => {
  const upload = request(`${edge.url}${RECOGNISE}`, { method: 'PUT' });
  upload.on('error', () => undefined);
  upload.write(sound());
  const { ref } = await edge.sessions.untilAsked('attach');
  await edge.sessions.until(ref?.id ?? '', (state) => state.client !== null);
  upload.destroy();
  expect((await edge.sessions.untilAsked('cancel')).ref).toEqual(ref);
});

test('a body that stands still is cut off', async () => {
  await edge.end();
  edge = await new Edge({ uploadStallMs: 200 }).listen();
  const upload = request(`${edge.url}${RECOGNISE}?session=s`, { method: 'PUT' });
  const answer = new Promise<string>((resolve) => {
    upload.on('response', (response) => {
      response.setEncoding('utf8').on('data', (text: string) => resolve(text));
    });
  });
  upload.write(sound().subarray(0, 32_000));
  expect(JSON.parse(await answer)).toEqual({ status: 4, id: 's', message: 'the body stood still for 200 ms' });
  upload.destroy();
});

test('no worker: the request waits; with the old answer set it is 503, in the old words', async () => {
  await edge.end();
  edge = await new Edge({ kaldi: { status9: true, silenceMs: 0 } }).listen();
  const response = await post('', sound());
  expect([response.status, await response.text()]).toEqual([503, 'No workers available']);
  expect(edge.sessions.asked).toEqual([]);
});

test('a preflight is answered as the old server did', async () => {
  const response = await fetch(`${edge.url}${RECOGNISE}`, {
    method: 'OPTIONS',
    headers: { Origin: 'https://desk.example' },
  });
  expect(response.status).toBe(200);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'POST, PUT, OPTIONS',
    'access-control-max-age': '1000',
    'access-control-allow-headers': 'origin, x-csrftoken, content-type, accept, User-Id, Content-Id',
  });
  const foreign = await fetch(`${edge.url}${RECOGNISE}`, {
    method: 'OPTIONS',
    headers: { Origin: 'https://evil.example' },
  });
  expect(foreign.status).toBe(403);
});

test('a reference text is stored under its content id, whatever that is written like', async () => {
  const id = '../../etc/passwd é';
  const response = await fetch(`${edge.url}/client/dynamic/reference`, {
    method: 'POST',
    body: 'mis see on',
    headers: { 'Content-Id': Buffer.from(id).toString('latin1'), 'User-Id': 'u' },
  });
  expect([response.status, await response.text()]).toEqual([200, '']);
  const key = [...edge.backstage.objects.objects.keys()].find((name) => name.startsWith('references/')) ?? '';
  expect(key).toMatch(/^references\/t\/[\w-]+\.json$/);
  expect(JSON.parse(edge.backstage.objects.text(key))).toMatchObject({ text: 'mis see on', userId: 'u' });
  expect(referenceKey('t', 'a')).toBe('references/t/YQ.json');
});

test('a reference without an id, or too large, is refused', async () => {
  const send = (headers: Record<string, string>, body: string) =>
    fetch(`${edge.url}/client/dynamic/reference`, { method: 'POST', body, headers });
  const nameless = await send({}, 'text');
  expect([nameless.status, await nameless.text()]).toEqual([400, 'No Content-Id specified']);
  expect((await send({ 'Content-Id': 'x'.repeat(129) }, 'text')).status).toBe(400);
  expect((await send({ 'Content-Id': 'x' }, 'x'.repeat((1 << 20) + 1))).status).toBe(413);
  expect([...edge.backstage.objects.objects.keys()]).toEqual([]);
});
