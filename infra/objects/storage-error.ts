/**
 * Why storage failed.
 * - `storage_full`: no space or quota left.
 * - `storage_denied`: the credentials or permissions do not suffice, or the bucket does not exist.
 * - `storage_corruption`: what was read is not what was written.
 * - `storage_unavailable`: anything else; trying again later may help.
 */
export type StorageTrouble = 'storage_full' | 'storage_denied' | 'storage_corruption' | 'storage_unavailable';

/** Storage failed. The message names the operation and the key, never a path, an address or a credential. */
export class StorageError extends Error {
  override name = 'StorageError';
  readonly reason: StorageTrouble;
  readonly retryable: boolean;

  constructor(reason: StorageTrouble, message: string, cause: unknown) {
    super(message, { cause });
    this.reason = reason;
    this.retryable = reason === 'storage_full' || reason === 'storage_unavailable';
  }
}
