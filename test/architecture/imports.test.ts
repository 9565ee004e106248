/** The house: imports point one way, nothing is exported for nobody, packages come from whatever registry is configured. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const FOLDERS = ['workflows', 'activities', 'gateway', 'workers', 'infra'];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

const run = (program: string, args: readonly string[], cwd = root): Promise<Outcome> =>
  new Promise((resolve) => {
    // By this Node: the system's own may be too old for the tool.
    const line = [join(root, 'node_modules/.bin', program), ...args];
    execFile(process.execPath, line, { cwd, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, output: stdout + stderr });
    });
  });

const cruise = (cwd: string, ...folders: string[]) =>
  run('depcruise', [...folders, '--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'err'], cwd);

test('imports follow the arrows of design.md', async () => {
  const { code, output } = await cruise(root, ...FOLDERS, 'test');
  expect({ code, output: code === 0 ? '' : output }).toEqual({ code: 0, output: '' });
}, 120_000);

test.each([
  ['workflows/rule.ts', "import '../infra/disk.ts';", 'workflows-import-nothing-of-ours'],
  ['workflows/rule.ts', "import { readFileSync } from 'node:fs'; export { readFileSync };", 'workflows-do-no-io'],
  ['infra/disk.ts', "import '../workflows/rule.ts';", 'infra-is-a-leaf'],
  ['gateway/edge.ts', "import '../infra/disk.ts';", 'activities-and-gateway-see-workflows-only'],
  ['activities/work.ts', "import '../gateway/edge.ts';", 'activities-and-gateway-stay-apart'],
  ['workers/part.ts', "import '../infra/disk.ts';", 'only-entry-points-see-infra'],
  ['workers/part.ts', "import '../test/fake.ts';", 'nothing-imports-tests'],
])(
  'an import against an arrow is found: %s with %s',
  async (file, text, rule) => {
    const house = await mkdtemp(join(tmpdir(), 'longhand-arrows-'));
    try {
      for (const folder of [...FOLDERS, 'test']) await mkdir(join(house, folder));
      const files = [
        'workflows/rule.ts',
        'infra/disk.ts',
        'gateway/edge.ts',
        'activities/work.ts',
        'workers/part.ts',
        'test/fake.ts',
      ];
      for (const name of files) await writeFile(join(house, name), 'export {};\n');
      await writeFile(join(house, file), text);
      await cp(join(root, 'tsconfig.json'), join(house, 'tsconfig.json'));
      const { code, output } = await cruise(house, ...FOLDERS);
      expect(code).toBe(1);
      expect(output).toContain(rule);
    } finally {
      await rm(house, { recursive: true, force: true });
    }
  },
  60_000,
);

test('every export is used somewhere, in its own file if nowhere else', async () => {
  // Temporal loads the workflows by the names that workflows/index.ts gives them.
  const outside = '--excludePathsFromReport=test/;workflows/index.ts';
  const { output } = await run('ts-unused-exports', ['tsconfig.json', '--ignoreLocallyUsed', outside]);
  expect(output.trim()).toBe('0 modules with unused exports');
}, 60_000);

test('the lock file names no registry: packages come from the configured one', async () => {
  const lock = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; link?: boolean }>;
  };
  const named = Object.entries(lock.packages).filter(([, { resolved }]) => resolved?.includes('://'));
  expect(named.map(([name]) => name)).toEqual([]);
});
