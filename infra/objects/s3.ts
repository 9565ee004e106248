import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { GetObjectCommandOutput, S3ClientConfig } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { folderPrefix, plainKey, plainPrefix } from './keys.ts';
import type { ObjectStore } from './port.ts';
import { StorageError } from './storage-error.ts';
import { failed, statusOf, wasRetried } from './s3-errors.ts';

export interface S3Options {
  readonly bucket: string;
  readonly region: string;
  /** Address of a server other than AWS; addressed by path. */
  readonly endpoint: string | null;
  /** None: the SDK's own chain (environment, profile, instance role). */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | null;
}

/** Parts of a stream: 10,000 of them, S3's limit, are 78 GiB. */
const PART_BYTES = 8 << 20;
const PARTS_AT_ONCE = 2;
const CONFLICT_TRIES = 8;
const READ_TRIES = 3;
const DELETE_BATCH = 1000;
const CHECK_KEY = 'longhand-readiness-check';

/** An object store that holds connections open. */
export type OpenStore = ObjectStore & { close(): void };

/** Objects in a bucket of S3 or of a server that speaks its protocol. Throws {@link StorageError}. */
export function openS3(options: S3Options): OpenStore {
  const client = new S3Client(clientOptions(options));
  return new S3Store(client, options.bucket);
}

export const clientOptions = (options: S3Options): S3ClientConfig => ({
  region: options.region,
  ...(options.endpoint === null ? {} : { endpoint: options.endpoint, forcePathStyle: true }),
  ...(options.credentials === null ? {} : { credentials: { ...options.credentials } }),
  maxAttempts: 5,
  requestChecksumCalculation: 'WHEN_SUPPORTED',
  responseChecksumValidation: 'WHEN_SUPPORTED',
  requestHandler: {
    connectionTimeout: 3000,
    socketTimeout: 20_000,
    httpAgent: { maxSockets: 128 },
    httpsAgent: { maxSockets: 128 },
  },
});

class S3Store implements OpenStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async put(key: string, body: Uint8Array): Promise<void> {
    const command = new PutObjectCommand({ Bucket: this.#bucket, Key: plainKey(key), Body: body });
    await this.#client.send(command).catch(failed('put', key));
  }

  async create(key: string, body: Uint8Array): Promise<boolean> {
    plainKey(key);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#client.send(new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: body, IfNoneMatch: '*' }));
        return true;
      } catch (error) {
        // When the first answer was lost, the SDK's own second try finds what its first one has stored.
        if (statusOf(error) === 412) return wasRetried(error) || attempt > 1 ? this.#holds(key, body) : false;
        if (statusOf(error) !== 409 || attempt === CONFLICT_TRIES) return failed('create', key)(error);
        await delay(Math.random() * 20 * 2 ** attempt);
      }
    }
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    let bytes = 0;
    const source: { error: Error | null } = { error: null };
    const counted = async function* (): AsyncIterable<Uint8Array> {
      try {
        for await (const chunk of body) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      } catch (error) {
        source.error = error as Error;
        throw error;
      }
    };
    const upload = new Upload({
      client: this.#client,
      params: {
        Bucket: this.#bucket,
        Key: plainKey(key),
        Body: Readable.from(counted(), { objectMode: false }),
        // Of the whole: a checksum of the parts' checksums, which is the default, is not checked when the object is read.
        ChecksumAlgorithm: 'CRC32',
        ChecksumType: 'FULL_OBJECT',
      },
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
    });
    // The sender's own failure stays its own: only storage's is a StorageError.
    await upload.done().catch((error: unknown) => {
      if (source.error !== null) throw source.error;
      return failed('putStream', key)(error);
    });
    return bytes;
  }

  async get(key: string): Promise<Uint8Array | null> {
    plainKey(key);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const found = await this.#open(key);
        return found === null ? null : await bodyOf(found, key).transformToByteArray();
      } catch (error) {
        if (attempt === READ_TRIES || error instanceof StorageError) return failed('get', key)(error);
      }
    }
  }

  async getStream(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    const found = await this.#open(key);
    return found === null ? null : chunksOf(bodyOf(found, key) as Readable, key);
  }

  async *list(prefix: string, after?: string): AsyncIterable<{ key: string; bytes: number }> {
    plainPrefix(prefix);
    const asked = { Bucket: this.#bucket, Prefix: prefix, StartAfter: after };
    let from: string | undefined;
    do {
      const page = await this.#client
        .send(new ListObjectsV2Command({ ...asked, ContinuationToken: from }))
        .catch(failed('list', prefix));
      for (const { Key, Size } of page.Contents ?? []) {
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0 };
      }
      from = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (from !== undefined);
  }

  async deleteAll(prefix: string): Promise<void> {
    let batch: string[] = [];
    for await (const { key } of this.list(folderPrefix(prefix))) {
      batch.push(key);
      if (batch.length < DELETE_BATCH) continue;
      await this.#delete(batch, 'deleteAll', prefix);
      batch = [];
    }
    if (batch.length > 0) await this.#delete(batch, 'deleteAll', prefix);
  }

  async deleteEach(keys: readonly string[]): Promise<void> {
    keys.forEach(plainKey);
    for (let at = 0; at < keys.length; at += DELETE_BATCH) {
      await this.#delete(keys.slice(at, at + DELETE_BATCH), 'delete', keys[at] ?? '');
    }
  }

  async check(): Promise<void> {
    await this.put(CHECK_KEY, Buffer.from('check'));
  }

  close(): void {
    this.#client.destroy();
  }

  async #delete(keys: readonly string[], doing: string, what: string): Promise<void> {
    const answer = await this.#client
      .send(
        new DeleteObjectsCommand({
          Bucket: this.#bucket,
          Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
        }),
      )
      .catch(failed(doing, what));
    const first = answer.Errors?.[0];
    if (first !== undefined) failed(doing, what)(Object.assign(new Error(first.Message), { name: first.Code }));
  }

  async #open(key: string): Promise<GetObjectCommandOutput | null> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: plainKey(key) });
    return this.#client.send(command).catch((error: unknown) => {
      if (statusOf(error) === 404 && (error as Error).name === 'NoSuchKey') return null;
      return failed('get', key)(error);
    });
  }

  /** Whether the stored object is byte for byte the given one. */
  async #holds(key: string, body: Uint8Array): Promise<boolean> {
    const stored = await this.get(key);
    return stored !== null && Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength).equals(body);
  }
}

function bodyOf(found: GetObjectCommandOutput, key: string): NonNullable<GetObjectCommandOutput['Body']> {
  return found.Body ?? failed('get', key)(new Error('an answer without a body'));
}

async function* chunksOf(body: Readable, key: string): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    failed('getStream', key)(error);
  }
}
