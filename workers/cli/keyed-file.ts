/** A file's session follows from its content and parameters: asked for again, after a crash or by another run, it is the same one. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { UploadQuery } from './rest-client.ts';
import { unreadable } from './input-file.ts';

/** The Idempotency-Key of a file. @throws CliError where it cannot be read */
export async function keyOfFile(path: string, parameters: UploadQuery): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(Object.entries(parameters).sort()));
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) hash.update(chunk as Buffer);
  } catch (error) {
    throw unreadable(error);
  }
  return `file-${hash.digest('hex')}`;
}
