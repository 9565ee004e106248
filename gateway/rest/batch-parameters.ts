/** Query parameters of `/v1/batches`. */
import { z } from 'zod';
import { listParameters } from './schemas.ts';

export const batchListParameters = z.strictObject({
  limit: listParameters.shape.limit,
  cursor: listParameters.shape.cursor,
});

export const batchPageParameters = z.strictObject({
  limit: listParameters.shape.limit,
  cursor: z
    .string()
    .regex(/^\d{1,9}$/, 'a cursor that a page of these items gave')
    .transform(Number)
    .default(0),
});
