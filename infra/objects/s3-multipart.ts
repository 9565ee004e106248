import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { plainKey } from './keys.ts';
import { clientOptions } from './s3.ts';
import type { S3Options } from './s3.ts';
import { failed, statusOf } from './s3-errors.ts';

export interface StoredPart {
  readonly partNumber: number;
  readonly etag: string;
  readonly bytes: number;
}

/** S3 signs for a week at most. */
const MAX_SIGNED_MS = 7 * 24 * 3_600_000;

/** Uploads whose parts others put into the bucket, at addresses that are signed here. Throws {@link StorageError}. */
export class S3Multipart {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(options: S3Options) {
    // A signed address must not ask for a checksum that only the SDK would send.
    this.#client = new S3Client({ ...clientOptions(options), requestChecksumCalculation: 'WHEN_REQUIRED' });
    this.#bucket = options.bucket;
  }

  /** Answers S3's id of the upload. */
  async begin(key: string): Promise<string> {
    const command = new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: plainKey(key) });
    const { UploadId } = await this.#client.send(command).catch(failed('begin upload', key));
    return UploadId ?? failed('begin upload', key)(new Error('an answer without an id'));
  }

  /** An address to which this part can be put, without any other credential, for so long. */
  async signPart(key: string, multipartId: string, partNumber: number, forMs: number): Promise<string> {
    const part = { Bucket: this.#bucket, Key: plainKey(key), UploadId: multipartId, PartNumber: partNumber };
    const expiresIn = Math.floor(Math.min(forMs, MAX_SIGNED_MS) / 1000);
    return getSignedUrl(this.#client, new UploadPartCommand(part), { expiresIn });
  }

  /** The parts that are stored; null when there is no such upload (any more). */
  async parts(key: string, multipartId: string): Promise<StoredPart[] | null> {
    const parts: StoredPart[] = [];
    let from: string | undefined;
    do {
      const asked = { Bucket: this.#bucket, Key: plainKey(key), UploadId: multipartId, PartNumberMarker: from };
      const page = await this.#client.send(new ListPartsCommand(asked)).catch(nullIfGone(key));
      if (page === null) return null;
      for (const { PartNumber = 0, ETag = '', Size = 0 } of page.Parts ?? []) {
        parts.push({ partNumber: PartNumber, etag: ETag, bytes: Size });
      }
      from = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (from !== undefined);
    return parts;
  }

  /** Makes one object of the parts. */
  async complete(key: string, multipartId: string, parts: readonly { partNumber: number; etag: string }[]) {
    const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }));
    const command = { Bucket: this.#bucket, Key: plainKey(key), UploadId: multipartId, MultipartUpload: { Parts } };
    await this.#client.send(new CompleteMultipartUploadCommand(command)).catch(failed('complete upload', key));
  }

  /** Lets go of all parts; an upload that is not there (any more) is no error. */
  async abort(key: string, multipartId: string): Promise<void> {
    const command = { Bucket: this.#bucket, Key: plainKey(key), UploadId: multipartId };
    await this.#client.send(new AbortMultipartUploadCommand(command)).catch(nullIfGone(key));
  }

  close(): void {
    this.#client.destroy();
  }
}

const nullIfGone =
  (key: string) =>
  (error: unknown): null => {
    if (statusOf(error) === 404) return null;
    return failed('upload', key)(error);
  };
