/** Uploads in object storage: stored as they come, under an id of our own, and let go of again. */
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';
import { objectKeys } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';

export interface StoredUpload {
  readonly uploadId: string;
  readonly bytes: number;
}

/** What a form may hold beside its file. */
const FORM_BYTES = 64 << 10;

/** A body that says it is too large is not even read. */
export function refuseLargeBody({ settings: { maxUploadBytes } }: Gateway, request: Request): void {
  if (Number(request.headers['content-length'] ?? 0) <= maxUploadBytes + FORM_BYTES) return;
  throw new Failure('upload_too_large', `more than ${maxUploadBytes} bytes`);
}

/** Stores a body; one that is empty, too large or cut off leaves nothing behind. */
export async function storeUpload(gateway: Gateway, body: AsyncIterable<Buffer>): Promise<StoredUpload> {
  const uploadId = randomUUID();
  const key = objectKeys.upload(gateway.settings.tenant, uploadId);
  const bytes = await gateway.objects.putStream(key, limited(body, gateway.settings.maxUploadBytes));
  if (bytes > 0) return { uploadId, bytes };
  await discardUpload(gateway, { uploadId, bytes });
  throw new Failure('empty_audio', 'the file is empty');
}

export async function discardUpload(gateway: Gateway, { uploadId }: StoredUpload): Promise<void> {
  await gateway.objects.deleteAll(objectKeys.uploads(gateway.settings.tenant, uploadId));
}

async function* limited(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Failure('upload_too_large', `more than ${maxBytes} bytes`);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('incomplete_upload', 'the body ended early');
  }
}
