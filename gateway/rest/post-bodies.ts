/** The JSON body of `POST /v1/sessions`: where the file is, and what is to be done with it. */
import { z } from 'zod';
import { MAX_URL_LENGTH } from '../protocol.ts';
import { uploadParameters } from './schemas.ts';

export const jsonSessionBody = z
  .strictObject({
    url: z
      .string()
      .max(MAX_URL_LENGTH)
      .optional()
      .describe('the file is fetched from there: http or https, at a public address'),
    uploadId: z.string().optional().describe('the file is an upload of /v1/uploads that is whole'),
    ...uploadParameters.shape,
  })
  .refine(({ url, uploadId }) => (url === undefined) !== (uploadId === undefined), 'either `url` or `uploadId`');
