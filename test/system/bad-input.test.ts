/** Bad input gets its documented answer; the process lives, and a call that goes on meanwhile does not notice. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { FAILURES } from '../../gateway/failures.ts';
import type { FailureType } from '../../gateway/failures.ts';
import { Caller, noise, undisturbed } from '../harness/caller.ts';
import { expectWhole } from '../harness/invariants.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;

let system: System;
let bystander: Caller;
const bystanderAudio = noise('bystander', 30_000);
let gatewayPid: number;

beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  gatewayPid = system.gateway.pid;
  bystander = await new Caller(system.url, { session: 'bystander', audio: bystanderAudio }).call();
}, 120_000);

afterAll(() => system.stop(), 30_000);

/** What a client is told on a WebSocket that does something wrong, and how it is closed. */
async function live(query: string, misbehave: (socket: WebSocket) => void) {
  const socket = new WebSocket(`${system.url}/v1/live${query}`);
  const messages: { type: string; code?: string; message?: string; segments?: number }[] = [];
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as (typeof messages)[0];
    messages.push(message);
    if (message.type === 'session') misbehave(socket);
  });
  const [code] = (await once(socket, 'close')) as [number];
  return { code, messages, last: messages.at(-1) };
}

const nothing = (): void => undefined;

test.each<[string, string, FailureType, RegExp]>([
  ['an unknown model', '?model=klingon', 'unknown_model', /one of en/],
  ['an unknown language', '?language=tlh', 'unknown_language', /en knows en/],
  ['an unknown parameter', '?modle=en', 'unknown_parameter', /"modle"/],
  ['a model that is a path', '?model=../../etc', 'unknown_model', /one of en/],
  ['a name of the language itself', '?model=__proto__', 'unknown_model', /one of en/],
  ['a sample rate that is none', '?sample_rate=(int)16000', 'invalid_parameter', /whole number/],
  ['a session id that is a path', '?session=../x', 'invalid_parameter', /letters/],
  ['an index beyond the finals there are', '?index=7', 'invalid_parameter', /0 finals/],
])('%s is refused with what is allowed', async (_title, query, type, detail) => {
  const { code, last } = await live(query, nothing);
  expect(last).toMatchObject({ type: 'error', code: type });
  expect(last?.message).toMatch(detail);
  expect(code).toBe(FAILURES[type].closeCode);
});

test.each([
  ['words where audio belongs', 'hello'],
  ['a message that does not exist', '{"type":"stop"}'],
  ['a message with a field too many', '{"type":"end","now":true}'],
])('%s: said, and closed with 1003', async (_title, text) => {
  const { code, last } = await live('', (socket) => socket.send(text));
  expect(last).toMatchObject({ type: 'error', code: 'invalid_message' });
  expect(code).toBe(1003);
});

test('text that is not UTF-8 is closed with 1007', async () => {
  const { code } = await live('', (socket) => socket.send(Buffer.from([0xff, 0xfe]), { binary: false }));
  expect(code).toBe(1007);
});

test('a frame of 20 MB is closed with 1009', async () => {
  const { code } = await live('', (socket) => socket.send(Buffer.alloc(20 << 20)));
  expect(code).toBe(1009);
});

test('one odd byte and the end: a normal end without segments', async () => {
  const { code, last } = await live('?session=odd', (socket) => {
    socket.send(Buffer.from([1]));
    socket.send('{"type":"end"}');
  });
  expect(last).toMatchObject({ type: 'done', state: 'completed', segments: 0 });
  expect(code).toBe(1000);
});

test('frames cut inside samples are put together, not shifted', async () => {
  const audio = noise('cut-inside', 2000);
  const finals: string[] = [];
  const { code, messages } = await live('?session=cut-inside', (socket) => {
    for (let at = 0; at < audio.length; at += 333) socket.send(audio.subarray(at, at + 333));
    socket.send('{"type":"end"}');
  });
  for (const message of messages)
    if (message.type === 'final') finals.push((message as unknown as { text: string }).text);
  expect(code).toBe(1000);
  expect(finals).toEqual(await undisturbed(audio, SEGMENT_MS));
});

test('a close frame without a code leaves the session open for its client to come back', async () => {
  const { messages } = await live('?session=left', (socket) => {
    socket.send(noise('left', 1000));
    socket.close();
  });
  expect(messages.some(({ type }) => type === 'error')).toBe(false);
  const again = await live('?session=left', (socket) => socket.send('{"type":"end"}'));
  expect(again.code).toBe(1000);
  expect(again.last).toMatchObject({ type: 'done', state: 'completed' });
});

test('a second client with the same session closes the first with 4409', async () => {
  const first = live('?session=twice', nothing);
  await untilAttached('twice');
  const second = await live('?session=twice', (socket) => socket.send('{"type":"end"}'));
  expect((await first).code).toBe(4409);
  expect(second.code).toBe(1000);
});

test('another audio format than the one the session was started with is refused', async () => {
  await live('?session=format', (socket) => socket.close(1000));
  const { code, last } = await live('?session=format&encoding=mulaw', nothing);
  expect(last).toMatchObject({ type: 'error', code: 'format_changed' });
  expect(code).toBe(4415);
});

test.each<[string, Uint8Array<ArrayBuffer>, string, FailureType]>([
  ['an empty body', new Uint8Array(), '', 'empty_audio'],
  ['random bytes named .wav', Uint8Array.from(noise('random', 500)), '?filename=a.wav', 'unsupported_audio'],
  ['an unknown model', new Uint8Array(100), '?model=klingon', 'unknown_model'],
  ['an unknown parameter', new Uint8Array(100), '?colour=red', 'unknown_parameter'],
  ['a parameter given twice', new Uint8Array(100), '?model=en&model=en', 'invalid_parameter'],
])('posting %s is answered by its problem', async (_title, body, query, type) => {
  const answer = await postFile(system, body, query);
  expect(answer.status).toBe(FAILURES[type].httpStatus);
  expect(answer.type).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({
    code: type,
    status: FAILURES[type].httpStatus,
    retryable: FAILURES[type].retryable,
  });
  expect(JSON.stringify(answer.body)).not.toMatch(/\/tmp|at .*\.ts|node_modules/);
});

test.each([
  ['more than there is', 1_000_000],
  ['the most there can be', 0xff_ff_ff_ff],
])('a WAV header that claims %s: what is there is transcribed', async (title, claimedBytes) => {
  const audio = noise(`wav ${title}`, 2000);
  const { status, body } = await postFile(system, wav(audio, claimedBytes));
  expect(status).toBe(202);
  const transcript = await finishedFile(system, String(body['id']));
  expect(transcript.segments.map(({ text }) => text)).toEqual(await undisturbed(audio, SEGMENT_MS));
});

test('what is not there is not found, and says so', async () => {
  for (const path of [
    '/v1/sessions/nobody',
    '/v1/sessions/..%2f..%2fetc',
    '/v1/sessions/nobody/transcript',
    '/v1/nothing',
  ]) {
    const answer = await fetch(`${system.httpUrl}${path}`);
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ code: 'not_found' });
  }
});

test('after all of it the gateway is the same process, ready, and the bystander has lost nothing', async () => {
  await bystander.done();
  await expectWhole(system, bystander, bystanderAudio, SEGMENT_MS);
  expect(bystander.reconnects).toBe(0);
  expect(system.gateway.pid).toBe(gatewayPid);
  expect((await fetch(`${system.httpUrl}/readyz`)).status).toBe(200);
}, 60_000);

async function untilAttached(session: string): Promise<void> {
  for (;;) {
    const seen = (await system.json(`/v1/sessions/${session}`)) as { attached?: boolean };
    if (seen.attached === true) return;
    await pause(20);
  }
}

test('a web page of another site and a name made to point here are kept out; other programs and the own page are not', async () => {
  const socket = new WebSocket(`${system.url}/v1/live`, { origin: 'https://evil.example' });
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
  expect(answer.statusCode).toBe(403);
  socket.on('error', nothing);
  socket.terminate();
  const foreign = await fetch(`${system.httpUrl}/v1/sessions`, { headers: { origin: 'https://evil.example' } });
  expect(await foreign.json()).toMatchObject({ status: 403, code: 'foreign_origin' });
  const own = await fetch(`${system.httpUrl}/v1/sessions`, { headers: { origin: system.httpUrl } });
  expect(own.status).toBe(200);
});

test('a cursor that no page gave, and a live client for a file, are told what is wrong at once', async () => {
  const answer = await fetch(`${system.httpUrl}/v1/sessions?cursor=abc`);
  expect(await answer.json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
  await postFile(system, wav(noise('a-file', 500)), '?session=a-file');
  const { last } = await live('?session=a-file', nothing);
  expect(last).toMatchObject({ type: 'error', code: 'session_exists', retryable: false });
});

test('cancelling a session that has ended changes nothing, and is no error', async () => {
  await finishedFile(system, 'a-file');
  const answer = await fetch(`${system.httpUrl}/v1/sessions/a-file/cancel`, { method: 'POST' });
  expect(answer.status).toBe(202);
  expect(await answer.json()).toMatchObject({ state: 'completed', attached: false });
});
