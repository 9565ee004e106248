import { StorageError } from './storage-error.ts';
import type { StorageTrouble } from './storage-error.ts';

/** What the SDK tells of a failed request; all of it may be absent. */
interface SdkError {
  readonly name?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
}

/** HTTP status of the answer, or null when none came. */
export const statusOf = (error: unknown): number | null => (error as SdkError).$metadata?.httpStatusCode ?? null;

/** Whether the SDK had sent the same request before. */
export const wasRetried = (error: unknown): boolean => ((error as SdkError).$metadata?.attempts ?? 1) > 1;

const FULL = ['QuotaExceeded', 'XMinioStorageFull', 'InsufficientStorage'];
const DENIED = ['NoSuchBucket', 'CredentialsProviderError', 'InvalidAccessKeyId', 'SignatureDoesNotMatch'];

function troubleOf(error: SdkError): StorageTrouble {
  const status = statusOf(error);
  const name = error.name ?? '';
  if (status === 507 || FULL.includes(name)) return 'storage_full';
  if (status === 401 || status === 403 || DENIED.includes(name)) return 'storage_denied';
  if (/^Checksum mismatch/.test(error.message ?? '')) return 'storage_corruption';
  return 'storage_unavailable';
}

/** Turns an error of the SDK into a {@link StorageError} that says what was being done. */
export const failed =
  (doing: string, key: string) =>
  (error: unknown): never => {
    if (error instanceof StorageError) throw error;
    const status = statusOf(error);
    const what = `${(error as Error).name}${status === null ? '' : ` (${status})`}`;
    throw new StorageError(troubleOf(error as SdkError), `${doing} ${key} failed: ${what}`, error);
  };
