/** What `/v1/uploads` takes and gives. */
import { z } from 'zod';

/** S3 takes at most so many parts of one upload. */
const MAX_PARTS = 10_000;

export const presignBody = z.strictObject({
  presigned: z.strictObject({
    bytes: z.int().min(1).describe('length of the whole file'),
    filename: z.string().max(255).optional().describe('shown in lists; never used as a path'),
  }),
});

export const completeUploadBody = z.strictObject({
  parts: z
    .array(
      z.strictObject({
        partNumber: z.int().min(1).max(MAX_PARTS),
        etag: z.string().min(1).max(256).describe('the header ETag of the answer to the part'),
      }),
    )
    .min(1)
    .max(MAX_PARTS),
});

export const presignedSchema = z
  .object({
    id: z.string(),
    bytes: z.int(),
    partBytes: z.int().describe('length of every part but the last'),
    parts: z.array(z.object({ partNumber: z.int(), url: z.url() })).describe('each is put there by PUT'),
    expiresAt: z.iso.datetime().describe('the addresses, and the upload, are good until then'),
  })
  .openapi('PresignedUpload');

export const uploadSchema = z
  .object({
    id: z.string(),
    kind: z.enum(['tus', 'presigned']),
    bytes: z.int().describe('length of the whole file'),
    storedBytes: z.int().describe('of a presigned upload none before it is completed'),
    complete: z.boolean().describe('whole: a session can be started from it'),
    filename: z.string(),
    expiresAt: z.iso.datetime().describe('it is removed then, unless a session was started from it'),
  })
  .openapi('Upload');
