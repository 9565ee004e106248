/** Large files that a client puts into the store itself, against a real S3 server. */
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { openUpload } from '../../../activities/upload-source.ts';
import { openS3 } from '../../../infra/objects/s3.ts';
import type { OpenStore } from '../../../infra/objects/s3.ts';
import { S3Multipart } from '../../../infra/objects/s3-multipart.ts';
import { Backstage, Edge } from '../../harness/edge.ts';
import { startS3Server } from '../../harness/s3-server.ts';
import type { S3Server } from '../../harness/s3-server.ts';

const MIB = 1 << 20;
const LIMIT = 64 * MIB;

const server: S3Server | null = await startS3Server('presigned uploads');
const describeS3 = server === null ? describe.skip : describe;
afterAll(() => server?.stop());

interface Begun {
  readonly id: string;
  readonly partBytes: number;
  readonly parts: readonly { readonly partNumber: number; readonly url: string }[];
}

const file = (bytes: number): Buffer => Buffer.alloc(bytes, Buffer.from(Array.from({ length: 251 }, (_, i) => i)));

async function ask(edge: Edge, method: string, path: string, body?: object) {
  const response = await fetch(`${edge.url}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

describeS3('a presigned upload', () => {
  let store: OpenStore;
  let multipart: S3Multipart;
  let backstage: Backstage;
  let edge: Edge;
  let pending: () => Promise<number>;
  beforeEach(async () => {
    const options = (await server?.bucket()) ?? fail();
    store = openS3(options);
    multipart = new S3Multipart(options);
    backstage = new Backstage();
    edge = await new Edge({ maxUploadBytes: LIMIT }, backstage, { objects: store, multipart }).listen();
    pending = async () => {
      const { bucket, credentials, endpoint, region } = options;
      const client = new S3Client({
        region,
        endpoint: endpoint ?? '',
        forcePathStyle: true,
        credentials: credentials ?? fail(),
      });
      const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
      client.destroy();
      return Uploads.length;
    };
  });
  afterEach(async () => {
    await edge.end();
    multipart.close();
    store.close();
  });

  const keys = async (): Promise<string[]> => (await Array.fromAsync(store.list('uploads/'))).map(({ key }) => key);

  const begin = async (bytes: number): Promise<Begun> => {
    const answer = await ask(edge, 'POST', '/v1/uploads', { presigned: { bytes, filename: 'talk.wav' } });
    expect(answer.status).toBe(201);
    return answer.body as unknown as Begun;
  };
  const put = async (url: string, body: Buffer): Promise<string> => {
    const response = await fetch(url, { method: 'PUT', body: new Uint8Array(body) });
    expect(response.status).toBe(200);
    return response.headers.get('etag') ?? '';
  };
  const putAll = ({ parts, partBytes }: Begun, bytes: Buffer) =>
    Promise.all(
      parts.map(async ({ partNumber, url }, index) => ({
        partNumber,
        etag: await put(url, bytes.subarray(index * partBytes, (index + 1) * partBytes)),
      })),
    );

  test('is put part by part past the gateway, joined, and a session is started from it', async () => {
    const bytes = file(33 * MIB + 5);
    const begun = await begin(bytes.length);
    expect(begun.parts.map(({ partNumber }) => partNumber)).toEqual([1, 2, 3]);
    expect((await ask(edge, 'GET', `/v1/uploads/${begun.id}`)).body).toMatchObject({ storedBytes: 0, complete: false });
    const parts = await putAll(begun, bytes);
    const done = await ask(edge, 'POST', `/v1/uploads/${begun.id}/complete`, { parts: parts.reverse() });
    expect(done).toMatchObject({ status: 200, body: { id: begun.id, kind: 'presigned', complete: true } });
    // The answer was lost, and is asked for again.
    expect(await ask(edge, 'POST', `/v1/uploads/${begun.id}/complete`, { parts })).toEqual(done);
    const content = await openUpload(store, 't', begun.id);
    expect(Buffer.concat(await Array.fromAsync(content ?? fail())).equals(bytes)).toBe(true);
    const started = await ask(edge, 'POST', '/v1/sessions', { uploadId: begun.id });
    expect(started).toMatchObject({ status: 202, body: { id: begun.id } });
    expect(backstage.sessions.files).toMatchObject([{ fileName: 'talk.wav', uploadBytes: bytes.length }]);
  });

  test('of which parts are missing, or have another tag, is not joined, and may go on', async () => {
    const bytes = file(20 * MIB);
    const begun = await begin(bytes.length);
    const etag = await put(begun.parts[0]?.url ?? '', bytes.subarray(0, begun.partBytes));
    const path = `/v1/uploads/${begun.id}/complete`;
    for (const parts of [
      [{ partNumber: 1, etag }],
      [{ partNumber: 1, etag: '"other"' }],
      [
        { partNumber: 1, etag },
        { partNumber: 2, etag },
      ],
    ]) {
      expect(await ask(edge, 'POST', path, { parts })).toMatchObject({
        status: 409,
        body: { code: 'upload_incomplete' },
      });
    }
    const parts = await putAll(begun, bytes);
    expect((await ask(edge, 'POST', path, { parts })).status).toBe(200);
  });

  test('with more bytes than were announced is refused, and nothing of it is kept', async () => {
    const begun = await begin(1000);
    const etag = await put(begun.parts[0]?.url ?? '', file(1001));
    const answer = await ask(edge, 'POST', `/v1/uploads/${begun.id}/complete`, { parts: [{ partNumber: 1, etag }] });
    expect(answer).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
    expect(await keys()).toEqual([]);
    expect(await pending()).toBe(0);
  });

  test('of more than the limit is refused before a byte is sent', async () => {
    const answer = await ask(edge, 'POST', '/v1/uploads', { presigned: { bytes: LIMIT + 1 } });
    expect(answer).toMatchObject({ status: 413, body: { code: 'upload_too_large' } });
    expect(await pending()).toBe(0);
  });

  test('that is ended leaves nothing, in the store neither', async () => {
    const begun = await begin(1000);
    await put(begun.parts[0]?.url ?? '', file(1000));
    expect((await ask(edge, 'DELETE', `/v1/uploads/${begun.id}`)).status).toBe(204);
    expect((await ask(edge, 'GET', `/v1/uploads/${begun.id}`)).status).toBe(404);
    expect(await keys()).toEqual([]);
    expect(await pending()).toBe(0);
  });

  test('an address is good for its own part alone', async () => {
    const { parts } = await begin(33 * MIB);
    const other = (parts[0]?.url ?? '').replace('partNumber=1', 'partNumber=2');
    const response = await fetch(other, { method: 'PUT', body: 'x' });
    expect(response.status).toBe(403);
  });

  test('is none of tus, and the other way round', async () => {
    const begun = await begin(1000);
    const tus = { 'tus-resumable': '1.0.0' };
    expect((await fetch(`${edge.url}/v1/uploads/${begun.id}`, { method: 'HEAD', headers: tus })).status).toBe(404);
    const resumable = await fetch(`${edge.url}/v1/uploads`, {
      method: 'POST',
      headers: { ...tus, 'upload-length': '5' },
    });
    const location = resumable.headers.get('location') ?? '';
    const parts = [{ partNumber: 1, etag: 'x' }];
    expect(await ask(edge, 'POST', `${location}/complete`, { parts })).toMatchObject({ status: 404 });
  });
});

describe('a presigned upload that cannot be', () => {
  let edge: Edge;
  beforeEach(async () => {
    edge = await new Edge().listen();
  });
  afterEach(() => edge.end());

  test('where the storage is a folder is refused, and told of tus', async () => {
    const answer = await ask(edge, 'POST', '/v1/uploads', { presigned: { bytes: 10 } });
    expect(answer).toMatchObject({ status: 501, body: { code: 'not_presignable' } });
    expect(String(answer.body['detail'])).toContain('tus');
  });

  test.each([
    {},
    { presigned: {} },
    { presigned: { bytes: 0 } },
    { presigned: { bytes: 1.5 } },
    { presigned: { bytes: 1 }, a: 1 },
  ])('asked for by a wrong body (%#) is told what is wrong', async (body) => {
    const answer = await ask(edge, 'POST', '/v1/uploads', body);
    expect(answer.status).toBe(400);
    expect(['invalid_parameter', 'unknown_parameter']).toContain(answer.body['code']);
  });
});

function fail(): never {
  throw new Error('there is no S3 server');
}
