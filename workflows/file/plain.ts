/** Which files are likely to need no decoder and no workflow but their own. */
import { PLAIN_UPLOAD_BYTES } from '../contract.ts';
import type { FileInput, SessionSpec } from '../contract.ts';

/** It is tried whether its upload can be prepared in the workflow's own task; lists show it as queued from the beginning. */
export function mayBePlain({
  bounds,
  uploadBytes = 0,
  channels = 'mixed',
}: SessionSpec & Partial<Pick<FileInput, 'uploadBytes' | 'channels'>>): boolean {
  // Of one that is to be fetched it is not known how long it is.
  return bounds.lean === true && uploadBytes > 0 && uploadBytes <= PLAIN_UPLOAD_BYTES && channels === 'mixed';
}
