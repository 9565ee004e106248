/** Large files that a client puts into the store itself, part by part, at addresses that we sign: S3's multipart upload. */
import { objectKeys } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway, PartTag } from '../ports.ts';
import { plainName } from '../rest/file-name.ts';
import { newUploadId } from './upload-id.ts';
import type { Upload, Uploads } from './uploads.ts';

/** No part is shorter, the last excepted; S3 itself asks for 5 MiB. */
const LEAST_PART_BYTES = 16 << 20;
/** So many addresses are signed at most: above, parts are longer. */
const MOST_PARTS = 1000;
const MIB = 1 << 20;

export interface BegunUpload {
  readonly id: string;
  readonly bytes: number;
  readonly partBytes: number;
  readonly parts: readonly { readonly partNumber: number; readonly url: string }[];
  readonly expiresAt: string;
}

export class PresignedUploads {
  readonly #gateway: Gateway;
  readonly #uploads: Uploads;

  constructor(gateway: Gateway, uploads: Uploads) {
    this.#gateway = gateway;
    this.#uploads = uploads;
  }

  /** @throws Failure `upload_too_large`, `not_presignable` */
  async begin(bytes: number, fileName: string): Promise<BegunUpload> {
    const { tenant, maxUploadBytes, uploadTtlMs } = this.#gateway.settings;
    if (bytes > maxUploadBytes) throw new Failure('upload_too_large', `more than ${maxUploadBytes} bytes`);
    const id = newUploadId();
    const key = objectKeys.upload(tenant, id);
    const multipartId = await this.#store.begin(key);
    const partBytes = Math.max(LEAST_PART_BYTES, Math.ceil(bytes / MOST_PARTS / MIB) * MIB);
    await this.#uploads.begin({ bytes, fileName: plainName(fileName), presigned: { multipartId, partBytes } }, id);
    const count = Math.ceil(bytes / partBytes);
    const parts = Array.from({ length: count }, async (_, index) => {
      const partNumber = index + 1;
      return { partNumber, url: await this.#store.signPart(key, multipartId, partNumber, uploadTtlMs) };
    });
    const expiresAt = new Date(Date.now() + uploadTtlMs).toISOString();
    return { id, bytes, partBytes, parts: await Promise.all(parts), expiresAt };
  }

  /** Nobody but us counts what was put there: the parts' lengths are looked at before they are joined. */
  async complete(id: string, tags: readonly PartTag[]): Promise<Upload> {
    const { upload, key, multipartId } = await this.#find(id);
    // Asked for again, because the answer was lost: it is whole.
    if (upload.storedBytes === upload.bytes) return upload;
    const there = await this.#store.parts(key, multipartId);
    if (there === null) throw new Failure('not_found', 'no such upload: it was ended');
    const byNumber = new Map(there.map((part) => [part.partNumber, part]));
    const sorted = [...tags].sort((a, b) => a.partNumber - b.partNumber);
    for (const { partNumber, etag } of sorted) {
      if (plainTag(byNumber.get(partNumber)?.etag ?? '') !== plainTag(etag)) {
        throw new Failure('upload_incomplete', `part ${partNumber} is not stored, or has another ETag`);
      }
    }
    const bytes = sorted.reduce((sum, { partNumber }) => sum + (byNumber.get(partNumber)?.bytes ?? 0), 0);
    await this.#requireLength(upload, bytes);
    await this.#store.complete(key, multipartId, sorted);
    return this.#uploads.find(id);
  }

  /** More than was said must not stay: it is nobody's. Less may still come. */
  async #requireLength({ id, bytes }: Upload, storedBytes: number): Promise<void> {
    if (storedBytes === bytes) return;
    const said = `the parts have ${storedBytes} bytes, ${bytes} were announced`;
    if (storedBytes < bytes) throw new Failure('upload_incomplete', said);
    await this.remove(id);
    throw new Failure('upload_too_large', said);
  }

  async remove(id: string): Promise<void> {
    const upload = await this.#uploads.remove(id);
    if (upload.presigned === undefined) return;
    await this.#store.abort(objectKeys.upload(this.#gateway.settings.tenant, id), upload.presigned.multipartId);
  }

  async #find(id: string) {
    const upload = await this.#uploads.find(id);
    if (upload.presigned === undefined) {
      throw new Failure('not_found', 'this upload is one of tus: it is whole when its last byte has come');
    }
    const key = objectKeys.upload(this.#gateway.settings.tenant, id);
    return { upload, key, multipartId: upload.presigned.multipartId };
  }

  get #store() {
    const { multipart } = this.#gateway;
    if (multipart !== null) return multipart;
    throw new Failure(
      'not_presignable',
      'the storage here is a folder, to which no address can be signed: upload by tus at /v1/uploads, or post the file to /v1/sessions',
    );
  }
}

/** S3 gives tags in double quotes, and takes them either way. */
const plainTag = (etag: string): string => etag.replaceAll('"', '');
