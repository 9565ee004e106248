/**
 * Every example of the documents does what it says: each block of shell, JavaScript or Python is run against a real
 * installation, in the order of its page. Only the address is another. A block that cannot be run says why in a comment
 * before it, `<!-- not run: … -->`, or which test runs it, `<!-- … (run by test/…) -->`.
 */
import { execFile } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { System } from '../harness/system.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const SAMPLE = 'workers/start/sample/jfk.wav';
/** Files that the examples name. */
const SAMPLES = [SAMPLE, 'talk.wav', 'call.wav', 'call.mp3'];

const LANGUAGES: Readonly<Record<string, 'shell' | 'node' | 'python'>> = {
  ...{ sh: 'shell', bash: 'shell', js: 'node', ts: 'node', mjs: 'node', javascript: 'node', typescript: 'node' },
  ...{ py: 'python', python: 'python' },
};

interface Example {
  readonly page: string;
  readonly line: number;
  readonly by: 'shell' | 'node' | 'python';
  readonly code: string;
  /** Why it is not run here; null: it is. */
  readonly reason: string | null;
}

async function examplesOf(page: string): Promise<Example[]> {
  const text = await readFile(join(root, page), 'utf8');
  const block = /(?:<!--((?:(?!-->)[\s\S])*)-->\s*)?^```(\w+)\n([\s\S]*?)^```$/gm;
  return [...text.matchAll(block)].flatMap(([, comment, language = '', code = ''], i, all) => {
    const by = LANGUAGES[language];
    const line = text.slice(0, all[i]?.index).split('\n').length;
    return by === undefined ? [] : [{ page, line, by, code, reason: reasonOf(comment ?? '') }];
  });
}

/** @throws where a test is named that is not there */
function reasonOf(comment: string): string | null {
  const [, test] = /\(run by (\S+)\)/.exec(comment) ?? [];
  if (test !== undefined && !existsSync(join(root, test))) throw new Error(`no such test: ${test}`);
  return test ?? /^\s*not run: (\S.*)$/m.exec(comment)?.[1] ?? null;
}

let system: System;
let folder: string;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted' } },
    // A pool whose workers nobody gives: an operator's word on it is taken all the same.
    settings: {
      LONGHAND_WORKER_SILENCE_MS: '5000',
      LONGHAND_CLUSTER: 'parent',
      LONGHAND_PLATFORM_DEADLINE_MS: '500',
    },
  });
  // Inside the project: examples import the packages that they name.
  await mkdir(join(root, '.longhand'), { recursive: true });
  folder = await mkdtemp(join(root, '.longhand/docs-'));
  await mkdir(join(folder, 'workers/start/sample'), { recursive: true });
  for (const name of SAMPLES) await cp(join(root, SAMPLE), join(folder, name));
}, 120_000);
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

/** A refusal of the service is a failure of the example. */
const STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n';

async function run({ by, code }: Example): Promise<string> {
  const { port } = new URL(system.httpUrl);
  const here = code.replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`);
  const file = join(folder, by === 'node' ? 'example.mts' : `example.${by}`);
  await writeFile(file, by === 'shell' ? STRICT + here : here);
  const program = { shell: 'bash', node: process.execPath, python: 'python3' }[by];
  return new Promise((resolve, reject) => {
    // Where `npx longhand` finds the installation.
    const env = { ...process.env, LONGHAND_URL: system.httpUrl };
    execFile(program, [file], { cwd: folder, timeout: 60_000, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

/** What an example is to show, where that it ends without a failure would not say enough. */
const SHOWS: readonly (readonly [page: string, part: string, shown: RegExp])[] = [
  ['docs/api.md', 'session=talk&label=', /event: final[\s\S]*event: done\nid: \d+\.done\ndata: \{"state":"completed"/],
  ['docs/api.md', 'urllib', /\w+ \w+/],
  ['docs/api.md', 'EventSource', /\w+ \w+/],
  ['docs/api.md', 'for format in', /"task":"transcribe"[\s\S]*WEBVTT[\s\S]*start\tend\ttext/],
  ['docs/api.md', 'startedAfter', /"id":"talk"/],
];

test('the examples of every page run', async () => {
  const pages = (await Array.fromAsync(glob('docs/**/*.md', { cwd: root }))).sort();
  const examples = (await Promise.all(pages.map(examplesOf))).flat();
  const faults: string[] = [];
  const shown = new Set<string>();
  for (const example of examples.filter(({ reason }) => reason === null)) {
    const { page, line, code } = example;
    const out = await run(example).catch((error: unknown) => {
      faults.push(`${page}:${line}: ${String(error)}`);
      return null;
    });
    for (const [of, part, wanted] of out === null ? [] : SHOWS) {
      if (of !== page || !code.includes(part)) continue;
      if (wanted.test(out ?? '')) shown.add(part);
      else faults.push(`${page}:${line}: shows ${JSON.stringify(out)}, not ${String(wanted)}`);
    }
  }
  expect(faults).toEqual([]);
  expect([...shown].sort()).toEqual(SHOWS.map(([, part]) => part).sort());
  expect(examples.filter(({ reason }) => reason === null).length).toBeGreaterThan(8);
}, 180_000);
