/** Pools of child processes: real processes, started and ended as the scaler asks. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readyMessage } from '../../../infra/processes/managed-process.ts';
import { isQuestion, LocalPools } from '../../../workers/start/local-pools.ts';
import { until } from '../../harness/until.ts';

let folder: string;
let pools: LocalPools;
const said: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-local-pools-'));
  // Ends when it is told to, after having said so.
  const program = `import { appendFileSync } from 'node:fs';
    process.on('SIGTERM', () => { appendFileSync(${JSON.stringify(join(folder, 'ended'))}, process.argv[2] + '\\n'); process.exit(0); });
    process.on('disconnect', () => process.exit(0));
    if (process.argv[2] !== 'sick-1') process.send({ type: 'ready' });
    else process.exit(2);`;
  await writeFile(join(folder, 'worker.mjs'), program);
  pools = new LocalPools({
    worker: (model, number) => {
      const name = `${model}-${number}`;
      const file = join(folder, 'worker.mjs');
      return {
        group: 'asr',
        spec: {
          ...{ name, file: process.execPath, args: [file, name], environment: {}, orphan: 'ipc', ready: readyMessage },
          logFile: join(folder, `${name}.log`),
          pidFile: join(folder, `${name}.pid`),
        },
      };
    },
    graceMs: 5000,
    say: (line) => said.push(line),
  });
});
afterEach(async () => {
  await pools.stop();
  await rm(folder, { recursive: true, force: true });
  said.length = 0;
});

const wish = (standing: number, leaving: string[] = []) => ({ standing, leaving, sessions: {}, burst: 0, id: 'w' });
const names = (model = 'en'): string[] => pools.observe(model).units.map(({ name }) => name);
const running = (model = 'en'): boolean => pools.observe(model).units.every(({ pid }) => pid !== null && pid > 0);

test('workers are asked for in one step, and are there with their process ids', async () => {
  await pools.begin('en', 1);
  expect(pools.observe('en')).toMatchObject({ standing: 1, units: [{ name: 'en-1', burst: false, leaving: false }] });
  pools.apply('en', wish(3));
  expect(names()).toEqual(['en-1', 'en-2', 'en-3']);
  expect(pools.observe('en').standing).toBe(3);
  await until(
    'they run',
    () => running(),
    (all) => all,
  );
  // The same wish again asks for nothing.
  pools.apply('en', wish(3));
  expect(names()).toHaveLength(3);
  expect(pools.observe('other')).toEqual({ standing: 0, units: [] });
});

test('only those that are named go, by their own drain; their places are taken again', async () => {
  await pools.begin('en', 3);
  pools.apply('en', wish(2, ['en-2']));
  expect(pools.observe('en').standing).toBe(2);
  await until(
    'it has gone',
    () => names(),
    (left) => left.length === 2,
  );
  expect((await readFile(join(folder, 'ended'), 'utf8')).trim()).toBe('en-2');
  expect(names().sort()).toEqual(['en-1', 'en-3']);
  pools.apply('en', wish(3));
  expect(names().sort()).toEqual(['en-1', 'en-2', 'en-3']);
});

test('a smaller number alone takes nobody away: who goes is named', async () => {
  await pools.begin('en', 2);
  pools.apply('en', wish(1));
  expect(names()).toHaveLength(2);
});

test('a worker that cannot start is said, and its place is free again', async () => {
  pools.apply('sick', wish(1));
  await until(
    'it is said',
    () => said,
    (lines) => lines.length > 0,
  );
  expect(said[0]).toContain('sick-1 ended with code 2');
  expect(names('sick')).toEqual([]);
});

test('questions over the channel are answered, faults included; once all end nothing is started', async () => {
  await pools.begin('en', 1);
  const ask = (question: object) => {
    const whole = { type: 'cluster', id: 'q', model: 'en', wish: null, ...question };
    if (!isQuestion(whole)) throw new Error('no question');
    return pools.answer(whole);
  };
  expect(ask({ ask: 'observe' })).toMatchObject({
    type: 'clusterAnswer',
    id: 'q',
    fault: null,
    answer: { standing: 1 },
  });
  await pools.stop();
  expect(ask({ ask: 'apply', wish: wish(5) })).toMatchObject({ answer: null, fault: 'npm start ends' });
  expect(isQuestion({ type: 'ready' })).toBe(false);
});
