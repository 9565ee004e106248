/** A process that may open no more files: what needs one says so in words that a client may hear, and the process lives on. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const moduleAt = (path: string): string => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);

const EXHAUSTED = `
  import { closeSync, openSync } from 'node:fs';
  const taken = [];
  const exhaust = () => {
    try {
      for (;;) taken.push(openSync('/dev/null'));
    } catch {}
  };
  const relieve = () => taken.splice(0).forEach((file) => closeSync(file));`;

/** Runs a program in a process of its own with few descriptors; answers what it prints as JSON. */
async function withFewDescriptors(program: string): Promise<unknown> {
  const shell = `ulimit -n 64; exec "$0" --input-type=module -e "$1"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', shell, process.execPath, EXHAUSTED + program]);
  return JSON.parse(stdout);
}

test('a folder of objects answers storage_unavailable, whatever it is asked, and works again once there are some', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-descriptors-'));
  const program = `
    const { openFolder } = await import(${moduleAt('infra/objects/folder.ts')});
    const { AudioLog } = await import(${moduleAt('infra/audio-log.ts')});
    const { asFailure } = await import(${moduleAt('gateway/failures.ts')});
    const store = await openFolder(${JSON.stringify(folder)});
    const log = new AudioLog(store);
    const bytes = Buffer.from('x');
    await store.put('a/there', bytes);
    const all = (items) => Array.fromAsync(items);
    const asked = {
      put: () => store.put('a/put', bytes),
      create: () => store.create('a/created', bytes),
      putStream: () => store.putStream('a/stream', (async function* () { yield bytes; })()),
      get: () => store.get('a/there'),
      getStream: async () => all(await store.getStream('a/there')),
      list: () => all(store.list('a/')),
      deleteAll: () => store.deleteAll('a/'),
      check: () => store.check(),
      extent: () => log.extent('a/audio/'),
      append: () => log.append('a/audio/', 0, bytes),
    };
    exhaust();
    const answers = {};
    for (const [name, ask] of Object.entries(asked)) answers[name] = await ask().then(() => 'done', (error) => asFailure(error).type);
    relieve();
    await Promise.all([store.check(), log.append('a/audio/', 0, bytes)]);
    console.log(JSON.stringify(answers));`;
  try {
    const answers = Object.values((await withFewDescriptors(program)) as Record<string, string>);
    expect(answers).toEqual(answers.map(() => 'storage_unavailable'));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a live decoder that cannot be started is refused as one too many, and the next one starts', async () => {
  const program = `
    const { LiveDecoders } = await import(${moduleAt('infra/ffmpeg/live.ts')});
    const { findFfmpeg } = await import(${moduleAt('infra/ffmpeg/command.ts')});
    const cat = { kind: 'native', program: '/bin/cat', arguments: () => [], liveArguments: () => [] };
    const limits = { maxDecoders: 4, stallMs: 60_000, maxMs: 60_000 };
    const found = new LiveDecoders({ find: async () => cat, ...limits });
    const unfound = new LiveDecoders({ find: () => findFfmpeg('/bin/cat', ''), ...limits });
    const outcome = (decoders) => new Promise((resolve) => {
      const say = (what) => (reason = '') => resolve([what, reason]);
      const events = { audio: say('audio'), drained: say('drained'), ended: say('ended'), refused: say('refused') };
      decoders.open(null, events).write(Buffer.alloc(10));
    });
    exhaust();
    const outcomes = [await outcome(found), await outcome(unfound)];
    relieve();
    outcomes.push(await outcome(found));
    console.log(JSON.stringify(outcomes));
    process.exit(0);`;
  expect(await withFewDescriptors(program)).toEqual([
    ['refused', 'decoder_limit'],
    ['refused', 'decoder_limit'],
    ['drained', ''],
  ]);
});
