/**
 * Everything that has to be right, one after the other: types, lint, format, then all tests. Prints what failed, and at last
 * `N passed, N failed`, which also goes to .tools/test-summary.
 */
import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const scratch = join(root, '.tools');

interface Count {
  readonly passed: number;
  readonly failed: number;
}

/** Runs a program of node_modules/.bin by this Node: the system's own may be too old for it. */
function run(name: string, args: readonly string[], flags: readonly string[] = []): Promise<number> {
  const child = spawn(process.execPath, [...flags, join(root, 'node_modules/.bin', name), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}

async function check(title: string, name: string, args: readonly string[]): Promise<Count> {
  const begunMs = performance.now();
  const isRight = (await run(name, args)) === 0;
  say(`${isRight ? 'ok' : 'FAILED'}  ${title} (${seconds(begunMs)})`);
  return isRight ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/** Jest's own report counts its tests; a run that broke off counts as one failure. */
async function test(title: string, args: readonly string[]): Promise<Count> {
  const begunMs = performance.now();
  const report = join(scratch, `${title}.json`);
  await rm(report, { force: true });
  const jest = ['--json', `--outputFile=${report}`, '--selectProjects', title, ...args];
  const code = await run('jest', jest, ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']);
  const count = await countOf(report, code);
  say(`${count.failed === 0 ? 'ok' : 'FAILED'}  ${title} tests (${seconds(begunMs)})`);
  return count;
}

async function countOf(report: string, code: number): Promise<Count> {
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites, success } = JSON.parse(
      await readFile(report, 'utf8'),
    ) as { numPassedTests: number; numFailedTests: number; numRuntimeErrorTestSuites: number; success: boolean };
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: failed === 0 && !(success && code === 0) ? 1 : failed };
  } catch {
    return { passed: 0, failed: 1 };
  }
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const seconds = (begunMs: number): string => `${Math.round((performance.now() - begunMs) / 1000)} s`;

await mkdir(scratch, { recursive: true });
const counts = [
  await check('types', 'tsc', ['--noEmit']),
  await check('types of the page', 'tsc', ['-p', 'gateway/page', '--noEmit']),
  await check('lint', 'eslint', ['.']),
  await check('format', 'prettier', ['--check', '--log-level', 'warn', '.']),
  await test('unit', []),
  // One installation at a time: two on two cores would test each other's patience.
  await test('system', ['--runInBand']),
];
const passed = counts.reduce((sum, count) => sum + count.passed, 0);
const failed = counts.reduce((sum, count) => sum + count.failed, 0);
await writeFile(join(scratch, 'test-summary'), `${passed} passed, ${failed} failed\n`);
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
