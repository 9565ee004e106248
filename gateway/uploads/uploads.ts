/** Uploads that come before their session: resumable ones (tus) and presigned ones. All that is known of one is in storage. */
import { objectKeys } from '../../workflows/contract.ts';
import { isUploadId, uploadBegunMs, wholeParts } from '../../workflows/uploads.ts';
import { Failure } from '../failures.ts';
import type { ObjectsPort } from '../ports.ts';
import { newUploadId } from './upload-id.ts';

/** The object `info.json`. */
export interface UploadInfo {
  /** Length of the whole file. */
  readonly bytes: number;
  /** As the client named it; shown, never used as a path. */
  readonly fileName: string;
  /** What a tus client gave (Upload-Metadata), to be given back to it. */
  readonly metadata?: Readonly<Record<string, string | null>>;
  /** The client puts the parts into the store itself. */
  readonly presigned?: PresignedInfo;
}

export interface PresignedInfo {
  /** S3's own id of the multipart upload. */
  readonly multipartId: string;
  readonly partBytes: number;
}

export interface Upload extends UploadInfo {
  readonly id: string;
  readonly begunMs: number;
  readonly expiresMs: number;
  /** Bytes that are stored; of a presigned one, all or none. */
  readonly storedBytes: number;
}

const noSuch = (): Failure => new Failure('not_found', 'no such upload: it is used up, has expired, or never was');

const used = (): Failure =>
  new Failure('upload_used', 'a session was started from this upload: each takes an upload of its own');

export class Uploads {
  readonly #objects: ObjectsPort;
  readonly #tenant: string;
  readonly #ttlMs: number;

  /** @param ttlMs an upload that starts no session is kept for so long */
  constructor(objects: ObjectsPort, tenant: string, ttlMs: number) {
    this.#objects = objects;
    this.#tenant = tenant;
    this.#ttlMs = ttlMs;
  }

  async begin(info: UploadInfo, id = newUploadId()): Promise<string> {
    await this.#objects.create(objectKeys.uploadInfo(this.#tenant, id), Buffer.from(JSON.stringify(info)));
    return id;
  }

  /** @throws Failure `not_found`, also for one whose time is over */
  async find(id: string): Promise<Upload> {
    const begunMs = isUploadId(id) ? uploadBegunMs(id) : null;
    if (begunMs === null || Date.now() > begunMs + this.#ttlMs) throw noSuch();
    const info = await this.#objects.get(objectKeys.uploadInfo(this.#tenant, id));
    if (info === null) throw noSuch();
    const known = JSON.parse(Buffer.from(info).toString('utf8')) as UploadInfo;
    return { id, begunMs, expiresMs: begunMs + this.#ttlMs, storedBytes: await this.#storedBytes(id, known), ...known };
  }

  async #storedBytes(id: string, { presigned }: UploadInfo): Promise<number> {
    if (presigned === undefined)
      return (await wholeParts(this.#objects.list(objectKeys.uploadParts(this.#tenant, id)))).bytes;
    const whole = objectKeys.upload(this.#tenant, id);
    for await (const { key, bytes } of this.#objects.list(whole)) if (key === whole) return bytes;
    return 0;
  }

  /** Whether the upload is still there: one that was ended in the middle must not come back by a part that was late. */
  async isThere(id: string): Promise<boolean> {
    return (await this.#objects.get(objectKeys.uploadInfo(this.#tenant, id))) !== null;
  }

  /**
   * Gives a whole upload to a session, for ever: asked for again for the same session, it is given again.
   * @throws Failure `not_found`, `upload_incomplete`, `upload_used`
   */
  async claim(id: string, session: string): Promise<Upload> {
    const upload = await this.#whole(id);
    const key = objectKeys.uploadClaim(this.#tenant, id);
    if (await this.#objects.create(key, Buffer.from(session))) return upload;
    const owner = await this.#objects.get(key);
    if (owner === null) throw noSuch();
    if (Buffer.from(owner).toString('utf8') === session) return upload;
    throw used();
  }

  /** An upload that a session could claim. @throws Failure `not_found`, `upload_incomplete`, `upload_used` */
  async free(id: string, session: string): Promise<Upload> {
    const upload = await this.#whole(id);
    const owner = await this.owner(id);
    if (owner !== null && owner !== session) throw used();
    return upload;
  }

  async #whole(id: string): Promise<Upload> {
    const upload = await this.find(id);
    if (upload.storedBytes === upload.bytes) return upload;
    throw new Failure('upload_incomplete', `${upload.storedBytes} of ${upload.bytes} bytes have come`);
  }

  /** The session that the upload was given to, or null. */
  async owner(id: string): Promise<string | null> {
    const owner = await this.#objects.get(objectKeys.uploadClaim(this.#tenant, id));
    return owner === null ? null : Buffer.from(owner).toString('utf8');
  }

  /** @throws Failure `not_found`, `upload_used` */
  async remove(id: string): Promise<Upload> {
    const upload = await this.find(id);
    if ((await this.owner(id)) !== null) {
      throw new Failure('upload_used', 'a session was started from this upload: it goes with the session');
    }
    await this.discard(id);
    return upload;
  }

  async discard(id: string): Promise<void> {
    await this.#objects.deleteAll(objectKeys.uploads(this.#tenant, id));
  }
}
