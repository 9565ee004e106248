import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { Screen } from '../../../workers/start/screen.ts';
import { SAMPLE } from '../../../workers/start/self-check.ts';
import { ownersOf, watchSources } from '../../../workers/start/watch.ts';
import { readWav } from '../../../workers/start/wav.ts';
import { wordErrors } from '../../../workers/start/word-errors.ts';

test.each([
  ['gateway/live/hub.ts', ['gateway']],
  ['gateway/page/index.ts', []],
  ['activities/stream.ts', ['orchestrator', 'asr']],
  ['workflows/contract.ts', ['orchestrator', 'gateway', 'asr']],
  ['workers/engines/scripted.ts', ['asr']],
  ['workers/orchestrator-main.ts', ['orchestrator']],
  ['workers/gateway-main.ts', ['gateway']],
  ['workers/asr-main.ts', ['asr']],
  ['workers/cli/longhand.ts', []],
  ['infra/config.ts', ['orchestrator', 'gateway', 'asr']],
  ['infra/.config.ts.swp', []],
])('a change of %s restarts %j', (path, groups) => {
  expect(ownersOf(path)).toEqual(groups);
});

test('changes close together are one restart', async () => {
  const root = await mkdtemp(join(tmpdir(), 'longhand-watch-'));
  for (const name of ['workflows', 'activities', 'gateway/live', 'workers', 'infra']) {
    await mkdir(join(root, name), { recursive: true });
  }
  const changed = Promise.withResolvers<string[]>();
  const stop = watchSources(root, (groups) => {
    changed.resolve([...groups].sort());
    return Promise.resolve();
  });
  await writeFile(join(root, 'gateway/live/hub.ts'), '1');
  await writeFile(join(root, 'workers/lease.ts'), '1');
  expect(await changed.promise).toEqual(['asr', 'gateway']);
  stop();
  await rm(root, { recursive: true });
});

test('a draft is replaced on a terminal, cut to its width, and left out elsewhere', () => {
  const [terminal, file]: [string[], string[]] = [[], []];
  const onTerminal = new Screen({ isTTY: true, columns: 10, write: (text) => terminal.push(text) });
  onTerminal.draft('0123456789abc');
  onTerminal.line('done');
  const unmeasured: string[] = [];
  new Screen({ isTTY: true, columns: 0, write: (text) => unmeasured.push(text) }).draft('0123');
  expect(unmeasured).toEqual(['\r\u001b[2K0123']);
  const inFile = new Screen({ write: (text) => file.push(text) });
  inFile.draft('0123');
  inFile.line('done');
  expect(terminal).toEqual(['\r\u001b[2K…56789abc', '\r\u001b[2Kdone\n']);
  expect(file).toEqual(['done\n']);
});

test('word errors count replaced, left out and added words, whatever case and punctuation', () => {
  expect(wordErrors('ask not what', 'Ask not -- what!')).toEqual({ errors: 0, words: 3 });
  expect(wordErrors('ask not what', 'ask what you')).toEqual({ errors: 2, words: 3 });
  expect(wordErrors('ask not', '')).toEqual({ errors: 2, words: 2 });
});

test('the bundled sample is the one its notes speak of: 11 s, 16 kHz, mono', async () => {
  const file = await readFile(SAMPLE);
  const notes = await readFile(SAMPLE.replace(/wav$/, 'txt'), 'utf8');
  expect(notes).toContain(`sha256: ${createHash('sha256').update(file).digest('hex')}`);
  const { sampleRate, channels, samples } = readWav(file);
  expect({ sampleRate, channels, bytes: samples.length }).toEqual({ sampleRate: 16_000, channels: 1, bytes: 352_000 });
});

test('what is no 16-bit WAV file is refused', () => {
  expect(() => readWav(Buffer.from('not a wave file at all'))).toThrow('not a WAV file');
  expect(() => readWav(Buffer.from('RIFF\x00\x00\x00\x00WAVE', 'latin1'))).toThrow('without audio');
});
