/** Files that are what their checksum says. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { PinnedFile } from './asset.ts';

/** SHA-256 of a file, lower-case hex. 156 MB take 0.16 s, so every start can afford it. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Whether the file is there, whole and unchanged. */
export async function isIntact(path: string, file: PinnedFile): Promise<boolean> {
  const bytes = await stat(path)
    .then((found) => found.size)
    .catch(() => null);
  return bytes === file.bytes && (await sha256Of(path)) === file.sha256;
}

/**
 * Writes a stream to `folder` and checks it on the way; it is on disk when this answers.
 * @throws Error when there are more or fewer bytes than pinned, or other ones
 */
export async function storeChecked(folder: string, file: PinnedFile, content: Readable): Promise<void> {
  const hash = createHash('sha256');
  const target = await open(join(folder, file.name), 'w', file.executable ? 0o755 : 0o644);
  let bytes = 0;
  try {
    for await (const part of content) {
      const chunk = part as Uint8Array;
      bytes += chunk.length;
      if (bytes > file.bytes) throw new Error(`${file.name} is longer than the expected ${file.bytes} bytes`);
      hash.update(chunk);
      await target.writeFile(chunk);
    }
    if (bytes < file.bytes) throw new Error(`${file.name} has ${bytes} bytes instead of ${file.bytes}`);
    const sum = hash.digest('hex');
    if (sum !== file.sha256) throw new Error(`${file.name} has checksum ${sum} instead of ${file.sha256}`);
    await target.sync();
  } finally {
    await target.close();
  }
}
