/** An upload's bytes, whichever way it came: as one object, or as the parts of a resumable upload. */
import { objectKeys } from '../workflows/contract.ts';
import { wholeParts } from '../workflows/uploads.ts';

/** What reading an upload needs of object storage. */
export interface UploadObjects {
  getStream(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
}

/** Null: there is no such upload. */
export async function openUpload(
  objects: UploadObjects,
  tenant: string,
  uploadId: string,
): Promise<AsyncIterable<Uint8Array> | null> {
  const whole = await objects.getStream(objectKeys.upload(tenant, uploadId));
  if (whole !== null) return whole;
  const { parts } = await wholeParts(objects.list(objectKeys.uploadParts(tenant, uploadId)));
  return parts.length === 0 ? null : joinedParts(objects, parts);
}

async function* joinedParts(
  objects: UploadObjects,
  parts: readonly { readonly key: string }[],
): AsyncGenerator<Uint8Array, void> {
  for (const { key } of parts) {
    const part = await objects.getStream(key);
    if (part === null) throw new Error(`the part ${key} of an upload is gone`);
    yield* part;
  }
}
