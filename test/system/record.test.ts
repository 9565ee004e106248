/** `longhand record` and `longhand replay`, against a real session: what is written, what is hidden, what is said. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Caller, noise, undisturbed } from '../harness/caller.ts';
import { System } from '../harness/system.ts';
import { run } from '../workers/cli/stand-in.ts';
import type { Outcome } from '../workers/cli/stand-in.ts';

const SEGMENT_MS = 400;
const AUDIO = noise('recorded', 6000);

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: SEGMENT_MS } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000', LONGHAND_ROTATE_EVENTS: '40' },
  });
  const caller = await new Caller(system.url, { session: 'recorded', audio: AUDIO, speed: 3 }).call();
  await caller.done();
}, 120_000);
afterAll(() => system.stop(), 30_000);

const longhand = (...args: string[]): Promise<Outcome> =>
  run(system.httpUrl, args, { LONGHAND_TEMPORAL_ADDRESS: system.temporal.address });

const decoded = (text: string): string =>
  [...text.matchAll(/"data":"([^"]*)"/g)]
    .map(([, data]) => Buffer.from(data ?? '', 'base64').toString('utf8'))
    .join('\n');

test('all runs of a session are recorded, and replay; what was said is there unless it is redacted', async () => {
  const texts = await undisturbed(AUDIO, SEGMENT_MS);
  const [open, hidden] = ['open.json', 'hidden.json'].map((name) => join(system.folder, name)) as [string, string];
  expect(await longhand('record', 'recorded', '--output', open)).toMatchObject({ code: 0, out: '' });
  const redacting = await longhand('record', 'recorded', '--redact', '--output', hidden);
  expect(redacting.err).toMatch(/^session\/default\/recorded: \d+ runs, \d+ events, texts redacted\n$/);
  const [said, unsaid] = await Promise.all([open, hidden].map(async (file) => decoded(await readFile(file, 'utf8'))));
  for (const text of texts) expect(said).toContain(text);
  const words = new Set(texts.flatMap((text) => text.split(' ')).filter((word) => word.length > 4));
  expect([...words].filter((word) => unsaid?.includes(word))).toEqual([]);
  for (const file of [open, hidden]) {
    const { code, out } = await longhand('replay', file);
    expect(code).toBe(0);
    const lines = out.trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) expect(line).toMatch(/^ok {6}session\/default\/recorded \S+ \(session, \d+ events\)$/);
  }
}, 120_000);

test('a session is replayed by its id', async () => {
  const { code, out } = await longhand('replay', 'recorded');
  expect({ code, lines: out.split('\n').every((line) => line === '' || line.startsWith('ok ')) }).toEqual({
    code: 0,
    lines: true,
  });
}, 60_000);

test('a history that differs is told with its event, and the exit code says so', async () => {
  const { out } = await longhand('record', 'recorded', '--redact');
  const file = join(system.folder, 'altered.json');
  await writeFile(file, out.replace('"activityType":{"name":"streamChunks"}', '"activityType":{"name":"mergeSpans"}'));
  const replay = await longhand('replay', file);
  expect(replay.code).toBe(1);
  expect(replay.out).toMatch(
    /^DIFFERS session\/default\/recorded .*\n {8}at event \d+ ActivityTaskScheduled: .*'mergeSpans'/,
  );
  expect(replay.err).toMatch(/^longhand: 1 of \d+ runs differ from the present code\n$/);
}, 60_000);

test('what is not there is one line that says so', async () => {
  const unknown = await longhand('record', 'nobody');
  expect(unknown).toMatchObject({ code: 1, out: '' });
  expect(unknown.err).toMatch(/^longhand: Temporal at \S+ holds no session\/default\/nobody\n$/);
  const nowhere = await run(system.httpUrl, ['replay', 'recorded'], {
    LONGHAND_TEMPORAL_ADDRESS: '127.0.0.1:1',
    LONGHAND_TEMPORAL_DEADLINE_MS: '500',
  });
  expect(nowhere.code).toBe(1);
  expect(nowhere.err).toMatch(/^longhand: Temporal does not answer at 127.0.0.1:1: start it with `npm start`, .*\n$/);
}, 60_000);
