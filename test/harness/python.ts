/** Debian's Python with its `websockets`: clients that are not of our making. */
import { execFile, execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PYTHON = ['/usr/bin/python3', 'python3'].find((program) => {
  try {
    execFileSync(program, ['-c', 'import websockets'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

/** Where there is none these tests are left out, and say so; under CI that is a failure. */
export function describeWithWebsockets(name: string, tests: () => void): void {
  if (PYTHON !== undefined) {
    describe(name, tests);
    return;
  }
  const line = `NOT RUN: ${name}: there is no Python with websockets (apt-get install python3-websockets)`;
  process.stderr.write(`${line}\n`);
  if (process.env['CI'] === 'true') {
    test(name, () => {
      throw new Error(line);
    });
  } else describe.skip(name, tests);
}

/** Runs a program of test/clients. */
export function python(program: string, ...args: string[]): Promise<{ stdout: string }> {
  const file = fileURLToPath(new URL(`../clients/${program}`, import.meta.url));
  return promisify(execFile)(PYTHON ?? 'python3', [file, ...args], { timeout: 60_000 });
}
