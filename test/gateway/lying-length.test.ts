/**
 * A body whose length is not what was said, byte by byte over a real socket, at every address that takes a file: one
 * answer, nothing left behind, and nothing of it taken for another request. Bad input, row 10.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Upload } from 'tus-js-client';
import { openUpload } from '../../activities/upload-source.ts';
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

const KALDI = 'kaldi’s PUT';
const TUS = 'a PATCH of tus';

interface Address {
  readonly name: string;
  readonly line: string;
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** What is said of a body without a byte. */
  readonly empty: RegExp;
}

const ADDRESSES: readonly Address[] = [
  { name: 'a raw body', line: 'POST /v1/sessions', headers: [], body: FILE, empty: /empty_audio/ },
  { name: 'a form', line: 'POST /v1/sessions', headers: [AS_FORM], body: FORM, empty: /incomplete_upload/ },
  {
    name: 'OpenAI’s form',
    line: 'POST /v1/audio/transcriptions',
    headers: [AS_FORM],
    body: FORM,
    empty: /incomplete_upload/,
  },
  {
    name: 'Deepgram’s body',
    line: 'POST /v1/listen',
    headers: ['Content-Type: audio/wav'],
    body: FILE,
    empty: /err_code/,
  },
  { name: KALDI, line: 'PUT /client/dynamic/recognize', headers: [], body: FILE, empty: / / },
  { name: TUS, line: 'PATCH /v1/uploads/ID', headers: AS_PATCH, body: FILE, empty: / / },
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
  const head = [`${await lineOf(address)} HTTP/1.1`, 'Host: 127.0.0.1', ...address.headers, ...length, '', ''].join(
    '\r\n',
  );
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

/** No session goes on, nothing is stored and the gateway answers. */
async function expectNothing(): Promise<void> {
  // An upload by tus has been begun.
  const isLeft = (name: string): boolean => name !== 'info.json';
  await until('nothing is left', left, (names) => !names.some(isLeft));
  expect(backstage.sessions.files).toEqual([]);
  const timesOf = (asked: string): number => backstage.sessions.asked.filter(({ what }) => what === asked).length;
  await until('a live session is cancelled', () => timesOf('attach') - timesOf('cancel'), (open) => open === 0); // prettier-ignore
  expect((await fetch(`${edge.url}/livez`)).status).toBe(200);
}

const chunk = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const half = ({ body }: Address): Buffer => body.subarray(0, body.length / 2);
const said = ({ body }: Pick<Address, 'body'>): string => `Content-Length: ${body.length}`;
const CHUNKED = 'Transfer-Encoding: chunked';

/** Lies that the request's head tells. */
const HEADS: readonly (readonly [what: string, length: (address: Address) => string[]])[] = [
  ['two lengths', (address) => [said(address), said({ body: half(address) })]],
  ['the same length twice', (address) => [said(address), said(address)]],
  ['a length, and chunks', (address) => [said(address), CHUNKED]],
  ['chunks, and a length', (address) => [CHUNKED, said(address)]],
  ['a length below nothing', () => ['Content-Length: -1']],
  ['a length that is no number', () => ['Content-Length: 1e3']],
  ['a length in two halves', () => ['Content-Length: 1 0']],
  ['chunks within chunks', () => ['Transfer-Encoding: chunked, chunked']],
];

/** Lies that show when the body comes. */
const BODIES: readonly (readonly [
  what: string,
  length: (address: Address) => string,
  body: (address: Address) => Buffer,
])[] = [
  // prettier-ignore
  ['shorter than was said', said, half],
  ['longer than was said', (address) => said({ body: half(address) }), ({ body }) => body],
  ['of no length, in no chunks', () => 'Accept: */*', ({ body }) => body],
  ['of an encoding that there is not', () => 'Transfer-Encoding: chunky', ({ body }) => body],
  ['whose chunks end inside one', () => CHUNKED, ({ body }) => chunk(body).subarray(0, body.length / 2)],
  ['without a last chunk', () => CHUNKED, ({ body }) => chunk(body)],
  ['of which a chunk is longer than it says', () => CHUNKED, ({ body }) => Buffer.concat([Buffer.from('5\r\n'), body])],
  ['of which a chunk has no length', () => CHUNKED, (to) => Buffer.concat([chunk(half(to)), Buffer.from('xyz\r\n')])],
];

describe.each(ADDRESSES)('$name', (address) => {
  test.each(HEADS)('with %s is a bad request, of which nothing is taken', async (_what, length) => {
    expect(statusesOf(await exchange(address, length(address), address.body))).toEqual(['400']);
    await expectNothing();
    expect(backstage.sessions.asked).toEqual([]);
  });
});

describe.each(ADDRESSES.filter(({ name }) => name !== TUS))('$name', (address) => {
  test.each(BODIES)('%s is a bad request, and nothing of it is left', async (_what, length, body) => {
    expect(statusesOf(await exchange(address, [length(address)], body(address)))).toEqual(['400']);
    await expectNothing();
  });

  test('that says more than comes, and then stands still, is let go, and nothing of it is left', async () => {
    const answer = await exchange(address, [said(address), 'Connection: close'], half(address), false);
    if (address.name === KALDI) expect(answer).toContain(`"message":"the body stood still for ${STALL_MS} ms"`);
    else expect(answer).toBe('');
    await expectNothing();
  });
});

test.each(ADDRESSES.filter(({ name }) => name !== TUS && name !== KALDI))(
  '$name without a length and without a byte is refused in the words of its address',
  async (address) => {
    const [answer = ''] = (await exchange(address, ['Connection: close'], Buffer.alloc(0), false))
      .split('\r\n\r\n')
      .slice(-1);
    expect(answer).toMatch(address.empty);
    await expectNothing();
  },
);

describe(`${TUS} keeps what came, to go on from there:`, () => {
  const address = ADDRESSES.find(({ name }) => name === TUS) as Address;
  test.each(BODIES)('one %s', async (_what, length, body) => {
    const line = await lineOf(address);
    expect(statusesOf(await exchange({ ...address, line }, [length(address)], body(address)))).toEqual(['400']);
    await resume(line);
  });

  test('one that says more than comes, and then stands still', async () => {
    const line = await lineOf(address);
    expect(await exchange({ ...address, line }, [said(address)], half(address), false)).toBe('');
    await resume(line);
  });

  /** A client that no one here wrote asks how far it is, goes on, and the file is the one that it has. */
  async function resume(line: string): Promise<void> {
    const uploadUrl = `${edge.url}${line.replace('PATCH ', '')}`;
    await new Promise((resolve, reject) => {
      new Upload(FILE, { uploadUrl, retryDelays: [50, 50, 50, 50], onSuccess: resolve, onError: reject }).start();
    });
    const content = await openUpload(await openFolder(folder), 't', uploadUrl.slice(uploadUrl.lastIndexOf('/') + 1));
    expect(Buffer.concat(content === null ? [] : await Array.fromAsync(content)).equals(FILE)).toBe(true);
    expect(backstage.sessions.files).toEqual([]);
  }
});

test('a content type given twice is refused: one reader may go by the first, another by the second', async () => {
  const twice = { ...(ADDRESSES[0] as Address), headers: ['Content-Type: audio/wav', AS_FORM] };
  const answer = await exchange(twice, [said(twice), 'Connection: close'], twice.body);
  expect(statusesOf(answer)).toEqual(['400']);
  expect(answer).toMatch(/"detail":"Content-Type: given more than once".*"code":"invalid_parameter"/);
  await expectNothing();
});
