import { startS3Server } from '../../harness/s3-server.ts';
import type { S3Server } from '../../harness/s3-server.ts';
import { openS3 } from '../../../infra/objects/s3.ts';
import type { OpenStore } from '../../../infra/objects/s3.ts';
import { FaultyS3 } from '../../harness/faulty-s3.ts';
import { objectStoreContract } from './contract.ts';

const server: S3Server | null = await startS3Server('the object store contract');
const suite = server === null ? describe.skip : describe;

suite('S3 is an object store:', () => {
  const real = server as S3Server;
  const store = openS3(real.options);
  afterAll(async () => {
    store.close();
    await real.stop();
  });
  objectStoreContract(() => store);

  describe('behind a line that loses and spoils answers', () => {
    let line: FaultyS3;
    let shaky: OpenStore;
    beforeEach(async () => {
      line = await FaultyS3.before(real.options.endpoint ?? '');
      shaky = openS3({ ...real.options, endpoint: line.address });
    });
    afterEach(async () => {
      shaky.close();
      await line.close();
    });

    test('a create whose answer was lost counts as created when tried again', async () => {
      line.loseNextAnswer('PUT');
      expect(await shaky.create('lost/mine', Buffer.from('mine'))).toBe(true);
      expect(line.requests('PUT')).toBe(2);
    });

    test('a create that was tried again and finds the bytes of another writer is not created', async () => {
      line.loseNextRequest('PUT', () => store.create('lost/theirs', Buffer.from('theirs')));
      expect(await shaky.create('lost/theirs', Buffer.from('mine'))).toBe(false);
      expect(await store.get('lost/theirs')).toEqual(new Uint8Array(Buffer.from('theirs')));
    });

    test('a conflict of two creates is tried again', async () => {
      line.answerNext('PUT', 409, 'ConditionalRequestConflict');
      expect(await shaky.create('conflict', Buffer.from('x'))).toBe(true);
    });

    test('a busy server is tried again', async () => {
      line.answerNext('PUT', 503, 'SlowDown');
      await shaky.put('busy', Buffer.from('x'));
      expect(await store.get('busy')).toHaveLength(1);
    });

    test('a bit flipped on the way is noticed and read again', async () => {
      await store.put('flip', Buffer.from('the words'));
      line.spoilAnswers('GET', 1);
      expect(await shaky.get('flip')).toEqual(new Uint8Array(Buffer.from('the words')));
    });

    test('an object that stays spoilt is storage_corruption, never bytes', async () => {
      await store.put('rotten', Buffer.from('the words'));
      line.spoilAnswers('GET', 100);
      await expect(shaky.get('rotten')).rejects.toMatchObject({ name: 'StorageError', reason: 'storage_corruption' });
      const stream = await shaky.getStream('rotten');
      await expect(Array.fromAsync(stream ?? [])).rejects.toMatchObject({ reason: 'storage_corruption' });
    });

    test('a spoilt object that was stored in parts is noticed too', async () => {
      const parts = async function* (): AsyncIterable<Uint8Array> {
        for (let part = 0; part < 12; part += 1) yield await Promise.resolve(Buffer.alloc(1 << 20, part));
      };
      await store.putStream('parts', parts());
      line.spoilAnswers('GET', 1);
      const stream = await shaky.getStream('parts');
      await expect(Array.fromAsync(stream ?? [])).rejects.toMatchObject({ reason: 'storage_corruption' });
    });
  });

  test('a bucket that does not exist and a wrong key are storage_denied', async () => {
    const nowhere = openS3({ ...real.options, bucket: 'no-such-bucket' });
    await expect(nowhere.get('k')).rejects.toMatchObject({ name: 'StorageError', reason: 'storage_denied' });
    nowhere.close();
    const stranger = openS3({ ...real.options, credentials: { accessKeyId: 'testak', secretAccessKey: 'wrong' } });
    await expect(stranger.check()).rejects.toMatchObject({ name: 'StorageError', reason: 'storage_denied' });
    stranger.close();
  });
});
