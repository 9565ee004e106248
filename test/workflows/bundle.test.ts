/** The workflow sandbox: what the orchestrator loads is bundled without Node's modules and without I/O. */
import { bundleWorkflowCode } from '@temporalio/worker';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WORKFLOW } from '../../workflows/contract.ts';
import * as workflows from '../../workflows/index.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Bundles a file; on failure the error holds what the bundler had to say. */
async function bundle(workflowsPath: string): Promise<string> {
  const said: string[] = [];
  const say = (...words: unknown[]) => void said.push(words.join(' '));
  const logger = { trace: say, debug: say, info: say, warn: say, error: say, log: say };
  try {
    return (await bundleWorkflowCode({ workflowsPath, logger })).code;
  } catch (error) {
    throw new Error(said.join('\n'), { cause: error });
  }
}

test('the workflows bundle for the sandbox', async () => {
  const code = await bundle(join(root, 'workflows/index.ts'));
  for (const name of Object.values(WORKFLOW)) expect(code).toContain(name);
}, 60_000);

test('every workflow that is started by name is one that the orchestrator loads', () => {
  expect(Object.keys(workflows).sort()).toEqual(Object.values(WORKFLOW).sort());
});

test('a workflow that reaches for the file system does not bundle', async () => {
  // Below the repository, so that packages are found.
  const folder = await mkdtemp(join(root, 'test/workflows/.bundle-'));
  try {
    const path = join(folder, 'index.ts');
    await writeFile(
      path,
      `import { readFileSync } from 'node:fs';\nexport const leak = () => readFileSync('/etc/hosts');\n`,
    );
    await expect(bundle(path)).rejects.toThrow('node:fs');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 60_000);
