import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Go on PATH, or where its own archive puts it. */
export async function findGo(): Promise<string> {
  const usual = '/usr/local/go/bin/go';
  try {
    await run('go', ['version']);
    return 'go';
  } catch {
    await access(usual).catch(() => {
      throw new Error(`there is no go on PATH and none at ${usual}`);
    });
    return usual;
  }
}
