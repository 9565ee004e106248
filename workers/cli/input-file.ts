import { stat } from 'node:fs/promises';
import { CliError } from './failure.ts';

/** Length of a file that is to be read. @throws CliError without the path, which the caller names */
export async function fileBytes(path: string): Promise<number> {
  const found = await stat(path).catch((error: unknown) => {
    throw unreadable(error);
  });
  if (!found.isFile()) throw new CliError('not a file');
  return found.size;
}

export function unreadable(error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException;
  const text = code === 'ENOENT' ? 'no such file' : `cannot be read (${code ?? message})`;
  return new CliError(text, undefined, { cause: error });
}
