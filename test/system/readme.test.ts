/** The README's curl examples do what they say; only the address is another. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { System } from '../harness/system.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let system: System;
let commands: string[];
beforeAll(async () => {
  system = await System.start({ settings: { LONGHAND_WORKER_SILENCE_MS: '5000' } });
  const readme = await readFile(`${root}README.md`, 'utf8');
  const block = /<!-- curl:start[\s\S]*?```bash\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  commands = block.split('\n').filter((line) => line.startsWith('curl '));
}, 120_000);
afterAll(() => system.stop(), 30_000);

const run = (command: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const here = command.replaceAll('http://127.0.0.1:8080', system.httpUrl);
    execFile('bash', ['-c', here], { cwd: root }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command}: ${error.message}`));
    });
  });

test('the curl examples post a file, follow it and read its transcript', async () => {
  const answers = new Map<string, string>();
  for (const command of commands) answers.set(command, await run(command));
  const answerTo = (part: string): string => [...answers].find(([command]) => command.includes(part))?.[1] ?? '';
  expect(JSON.parse(answerTo('--data-binary'))).toMatchObject({ id: 'talk', kind: 'file' });
  expect(JSON.parse(answerTo('-F file='))).toMatchObject({ kind: 'file', priority: 'high' });
  expect(JSON.parse(answerTo('/v1/sessions/talk'))).toMatchObject({ id: 'talk', error: null });
  expect((JSON.parse(answerTo('limit=10')) as { sessions: object[] }).sessions).toHaveLength(2);
  expect((JSON.parse(answerTo('/v1/workers')) as { workers: object[] }).workers).toHaveLength(1);
  expect(answerTo('format=srt')).toMatch(/^1\n00:00:00,000 --> /);
  expect(answerTo('readyz?verbose')).toBe('[+]accepting ok\n[+]temporal ok\n[+]storage ok\n');
  expect(answers.size).toBe(7);
});
