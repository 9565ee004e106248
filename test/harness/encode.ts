import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What to make: a file name in the folder, and ffmpeg's output options for it. */
export interface Encoding {
  readonly name: string;
  readonly options: readonly string[];
}

/**
 * Encodes a file into others beside it, with ffmpeg's WebAssembly build, which `npm ci` brings: no ffmpeg need be
 * installed. `input` and the names are plain file names in `folder`.
 */
export async function encode(folder: string, input: string, encodings: readonly Encoding[]): Promise<void> {
  const program = join(import.meta.dirname, 'encode-process.ts');
  await promisify(execFile)(process.execPath, [program, folder, input, JSON.stringify(encodings)]);
}
