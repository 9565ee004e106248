/**
 * A body whose length is not what was said, byte by byte over a real socket, at every address that takes a file: one
 * answer, nothing left behind, and nothing of it taken for another request. Bad input, row 10.
 */
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolder } from '../../infra/objects/folder.ts';
import { Backstage, Edge } from '../harness/edge.ts';
import { sound, wav } from '../harness/sound.ts';
import { until } from '../harness/until.ts';

const STALL_MS = 300;
const FILE = wav(sound().subarray(0, 16_000));
const BOUNDARY = 'xxBOUNDARYxx';
const FORM = Buffer.concat([
  Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n`),
  FILE,
  Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
]);
const AS_FORM = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`;
const AS_PATCH = ['Tus-Resumable: 1.0.0', 'Upload-Offset: 0', 'Content-Type: application/offset+octet-stream'];

let folder: string;
let backstage: Backstage;
let edge: Edge;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-length-'));
  backstage = new Backstage();
  const objects = await openFolder(folder);
  edge = await new Edge({ maxUploadBytes: 3_000_000, uploadStallMs: STALL_MS }, backstage, { objects }).listen();
});
afterEach(async () => {
  await edge.end();
  await rm(folder, { recursive: true, force: true });
});

const left = async (): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((at) => at.isFile()).map(({ name }) => name);

interface Address {
  readonly name: string;
  readonly line: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
}

const ADDRESSES: readonly Address[] = [
  { name: 'a raw body', line: 'POST /v1/sessions', headers: [], body: FILE },
  { name: 'a form', line: 'POST /v1/sessions', headers: [AS_FORM], body: FORM },
  { name: 'OpenAI’s form', line: 'POST /v1/audio/transcriptions', headers: [AS_FORM], body: FORM },
  { name: 'Deepgram’s body', line: 'POST /v1/listen', headers: ['Content-Type: audio/wav'], body: FILE },
  { name: 'kaldi’s PUT', line: 'PUT /client/dynamic/recognize', headers: [], body: FILE },
  { name: 'a PATCH of tus', line: 'PATCH /v1/uploads/ID', headers: AS_PATCH, body: FILE },
];

/** The request's target; an upload by tus is begun first. */
async function lineOf({ line }: Address): Promise<string> {
  if (!line.includes('ID')) return line;
  const headers = { 'tus-resumable': '1.0.0', 'upload-length': String(FILE.length) };
  const begun = await fetch(`${edge.url}/v1/uploads`, { method: 'POST', headers });
  return line.replace('/v1/uploads/ID', begun.headers.get('location') ?? '');
}

/** Sends a request as it is written here; answers all that comes until the gateway closes. */
async function exchange(address: Address, length: readonly string[], body: Buffer, isEnded = true): Promise<string> {
  const head = [`${await lineOf(address)} HTTP/1.1`, 'Host: 127.0.0.1', ...address.headers, ...length, '', ''].join('\r\n');
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  const answers: Buffer[] = [];
  socket.on('data', (data: Buffer) => answers.push(data));
  socket.write(Buffer.concat([Buffer.from(head), body]));
  if (isEnded) socket.end();
  await new Promise((resolve) => socket.on('close', resolve));
  return Buffer.concat(answers).toString('latin1');
}

const statusesOf = (answers: string): string[] =>
  [...answers.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status = '']) => status);

/** No session goes on, nothing is stored (of tus: nothing but that it was begun), and the gateway answers. */
async function expectNothing({ name }: Address): Promise<void> {
  const what = name.includes('tus') ? ['info.json'] : [];
  await until('nothing is left', left, (names) => JSON.stringify(names.filter((n) => n !== 'x')) === JSON.stringify(what));
  expect(backstage.sessions.files).toEqual([]);
  expect((await fetch(`${edge.url}/livez`)).status).toBe(200);
}

describe.each(ADDRESSES)('$name', (address) => {
  const half = address.body.subarray(0, address.body.length / 2);
  const chunk = (bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
  const said = `Content-Length: ${address.body.length}`;

  test.each<[string, string[], Buffer]>([
    ['shorter than was said', [said], half],
    ['with two lengths', [said, `Content-Length: ${half.length}`], address.body],
    ['with a length and in chunks', [said, 'Transfer-Encoding: chunked'], chunk(address.body)],
    ['of a length below nothing', ['Content-Length: -1'], address.body],
    ['of a length that is no number', ['Content-Length: 1e3'], address.body],
    ['in chunks that end inside one', ['Transfer-Encoding: chunked'], chunk(address.body).subarray(0, half.length)],
    ['in chunks without the last one', ['Transfer-Encoding: chunked'], chunk(address.body)],
    ['in chunks of which one is longer than it says', ['Transfer-Encoding: chunked'], Buffer.concat([Buffer.from('5\r\n'), address.body])], // prettier-ignore
    ['in chunks with a length that is none', ['Transfer-Encoding: chunked'], Buffer.concat([chunk(half), Buffer.from('xyz\r\n')])], // prettier-ignore
  ])('%s is a bad request', async (_what, length, body) => {
    expect([_what, statusesOf(await exchange(address, length, body))]).toEqual([_what, ['400']]);
    await expectNothing(address);
  });

  test('that says more than comes, and stands still, is let go', async () => {
    console.log(address.name, await exchange(address, [said], half, false));
    await expectNothing(address);
  });
  test('longer', async () => {
    console.log('longer', address.name, await exchange(address, [`Content-Length: ${half.length}`], address.body));
    console.log(await left(), backstage.sessions.files, backstage.sessions.asked.map(({what}) => what));
  });
  test('none', async () => {
    console.log('none', address.name, await exchange(address, [], address.body));
    console.log(await left(), backstage.sessions.files, backstage.sessions.asked.map(({what}) => what));
  });
});
