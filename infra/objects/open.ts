import { join } from 'node:path';
import type { Config } from '../config.ts';
import { openFolder } from './folder.ts';
import type { OpenStore } from './s3.ts';
import { openS3 } from './s3.ts';
import { S3Multipart } from './s3-multipart.ts';

type StorageSettings = Pick<
  Config,
  | 'LONGHAND_STORAGE'
  | 'LONGHAND_STORAGE_DIR'
  | 'LONGHAND_DATA_DIR'
  | 'LONGHAND_S3_BUCKET'
  | 'LONGHAND_S3_ENDPOINT'
  | 'LONGHAND_S3_REGION'
  | 'LONGHAND_S3_ACCESS_KEY_ID'
  | 'LONGHAND_S3_SECRET_ACCESS_KEY'
>;

/** Opens the object store that the settings name; whoever opens it closes it. */
export async function openObjects(config: StorageSettings): Promise<OpenStore> {
  if (config.LONGHAND_STORAGE === 's3') return openS3(s3Options(config));
  const store = await openFolder(config.LONGHAND_STORAGE_DIR ?? join(config.LONGHAND_DATA_DIR, 'objects'));
  return Object.assign(store, { close: () => undefined });
}

/** Uploads by signed addresses: S3 alone has them. */
export const openMultipart = (config: StorageSettings): S3Multipart | null =>
  config.LONGHAND_STORAGE === 's3' ? new S3Multipart(s3Options(config)) : null;

function s3Options(config: StorageSettings): Parameters<typeof openS3>[0] {
  const { LONGHAND_S3_ACCESS_KEY_ID: accessKeyId, LONGHAND_S3_SECRET_ACCESS_KEY: secretAccessKey } = config;
  return {
    bucket: config.LONGHAND_S3_BUCKET,
    region: config.LONGHAND_S3_REGION,
    endpoint: config.LONGHAND_S3_ENDPOINT,
    credentials: accessKeyId === null || secretAccessKey === null ? null : { accessKeyId, secretAccessKey },
  };
}
