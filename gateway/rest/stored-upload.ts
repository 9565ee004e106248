/** Uploads in object storage: stored as they come, under an id of our own, and let go of again. */
import type { Request } from 'express';
import { createHash } from 'node:crypto';
import { objectKeys } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { newUploadId } from '../uploads/upload-id.ts';

export interface StoredUpload {
  readonly uploadId: string;
  readonly bytes: number;
  /** SHA-256 of the file, base64url; null where it was not asked for. */
  readonly digest: string | null;
}

/** What is done with a file that comes: it is stored, or stored and hashed, or (it is there already) hashed only. */
export type Keeping = 'store' | 'hash' | 'compare';

/** What a form may hold beside its file. */
const FORM_BYTES = 64 << 10;

/** A body that says it is too large is not even read. */
export function refuseLargeBody({ settings: { maxUploadBytes } }: Gateway, request: Request): void {
  if (Number(request.headers['content-length'] ?? 0) <= maxUploadBytes + FORM_BYTES) return;
  throw new Failure('upload_too_large', `more than ${maxUploadBytes} bytes`);
}

/** Stores a body; one that is empty, too large or cut off leaves nothing behind. */
export async function storeUpload(
  gateway: Gateway,
  body: AsyncIterable<Buffer>,
  keeping: Keeping = 'store',
): Promise<StoredUpload> {
  const uploadId = newUploadId();
  const hash = keeping === 'store' ? null : createHash('sha256');
  const checked = limited(body, gateway.settings.maxUploadBytes, (chunk) => hash?.update(chunk));
  const bytes = await (keeping === 'compare' ? counted(checked) : putUpload(gateway, uploadId, checked));
  const stored = { uploadId, bytes, digest: hash?.digest('base64url') ?? null };
  if (bytes > 0) return stored;
  await discardUpload(gateway, stored);
  throw new Failure('empty_audio', 'the file is empty');
}

const putUpload = (gateway: Gateway, uploadId: string, body: AsyncIterable<Buffer>): Promise<number> =>
  gateway.objects.putStream(objectKeys.upload(gateway.settings.tenant, uploadId), body);

async function counted(body: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
}

export async function discardUpload(gateway: Gateway, { uploadId }: Pick<StoredUpload, 'uploadId'>): Promise<void> {
  await gateway.objects.deleteAll(objectKeys.uploads(gateway.settings.tenant, uploadId));
}

async function* limited(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  seen: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Failure('upload_too_large', `more than ${maxBytes} bytes`);
      seen(chunk);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('incomplete_upload', 'the body ended early');
  }
}
