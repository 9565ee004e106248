/**
 * What the tus server (tus.io, protocol 1.0) stores uploads in: objects, so that any gateway takes up what another has
 * begun. The bytes are kept as they come, in parts that are created once: of two requests that write at the same byte
 * one is told, and how far an upload has come is the listing of its parts.
 */
import { DataStore, ERRORS, Upload as TusUpload } from '@tus/server';
import type { Readable } from 'node:stream';
import { objectKeys } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { ObjectsPort } from '../ports.ts';
import { plainName } from '../rest/file-name.ts';
import type { Uploads } from './uploads.ts';

/** Held in memory for each upload under way; 2 GiB are 512 of them. */
const PART_BYTES = 4 << 20;

export class TusStore extends DataStore {
  readonly #objects: ObjectsPort;
  readonly #uploads: Uploads;
  readonly #tenant: string;
  readonly #ttlMs: number;
  override extensions = ['creation', 'creation-with-upload', 'termination', 'expiration'];

  constructor(objects: ObjectsPort, uploads: Uploads, tenant: string, ttlMs: number) {
    super();
    this.#objects = objects;
    this.#uploads = uploads;
    this.#tenant = tenant;
    this.#ttlMs = ttlMs;
  }

  override getExpiration(): number {
    return this.#ttlMs;
  }

  override async create(upload: TusUpload): Promise<TusUpload> {
    const { id, size = 0, metadata } = upload;
    if (size === 0) throw new Failure('empty_audio', 'the file is empty');
    const fileName = plainName(metadata?.['filename'] ?? metadata?.['name'] ?? '');
    await this.#uploads.begin({ bytes: size, fileName, ...(metadata === undefined ? {} : { metadata }) }, id);
    return upload;
  }

  override async getUpload(id: string): Promise<TusUpload> {
    const { bytes, storedBytes, metadata, begunMs, presigned } = await this.#uploads.find(id);
    if (presigned !== undefined) throw new Failure('not_found', 'this upload is presigned, not one of tus');
    const creation_date = new Date(begunMs).toISOString();
    return new TusUpload({ id, size: bytes, offset: storedBytes, metadata: { ...metadata }, creation_date });
  }

  override async remove(id: string): Promise<void> {
    await this.#uploads.remove(id);
  }

  /** Answers how far the upload has come; what came before a connection broke is kept too. */
  override async write(stream: Readable, id: string, offset: number): Promise<number> {
    const parts = new PartWriter((at, bytes) => this.#store(id, at, bytes), offset);
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) await parts.take(chunk);
    } finally {
      await parts.flush();
    }
    if (await this.#uploads.isThere(id)) return parts.end;
    await this.#uploads.discard(id);
    throw new Failure('not_found', 'the upload was ended');
  }

  async #store(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    if (await this.#objects.create(objectKeys.uploadPart(this.#tenant, id, offset), bytes)) return;
    // Another connection of the same client was quicker: it asks how far it is, and goes on from there.
    throw Object.assign(new Error('another part begins there'), ERRORS.INVALID_OFFSET);
  }
}

/** Gathers chunks into parts of {@link PART_BYTES}. */
class PartWriter {
  readonly #store: (offset: number, bytes: Uint8Array) => Promise<void>;
  #chunks: Buffer[] = [];
  #held = 0;
  /** Everything before is stored. */
  end: number;

  constructor(store: (offset: number, bytes: Uint8Array) => Promise<void>, offset: number) {
    this.#store = store;
    this.end = offset;
  }

  async take(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      const piece = chunk.subarray(at, at + PART_BYTES - this.#held);
      this.#chunks.push(piece);
      this.#held += piece.length;
      at += piece.length;
      if (this.#held === PART_BYTES) await this.flush();
    }
  }

  /** A part that could not be stored is let go of: what follows it would leave a gap. */
  async flush(): Promise<void> {
    if (this.#held === 0) return;
    const part = Buffer.concat(this.#chunks, this.#held);
    this.#chunks = [];
    this.#held = 0;
    await this.#store(this.end, part);
    this.end += part.length;
  }
}
