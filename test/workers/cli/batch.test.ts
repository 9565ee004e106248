/** Folders of files: done once, gone on with where it was; a drop folder that survives its own death; exports that are safe. */
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { csvRow } from '../../../workers/cli/csv.ts';
import { Pace } from '../../../workers/cli/pace.ts';
import { until } from '../../harness/until.ts';
import { problem, run, StandIn, start } from './stand-in.ts';

let service: StandIn;
let folder: string;
beforeEach(async () => {
  service = await new StandIn().start();
  folder = await mkdtemp(join(tmpdir(), 'longhand-batch-'));
});
afterEach(async () => {
  await service.stop();
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, bytes: number): Promise<string> {
  const path = join(folder, name);
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, Buffer.alloc(bytes, name));
  return path;
}
const posts = (): number => service.requests.filter((name) => name === 'POST /v1/sessions').length;

describe('batch', () => {
  const batch = (...more: string[]) =>
    run(service.url, ['batch', join(folder, 'in'), '--out', join(folder, 'out'), ...more]);

  test('transcribes every sound file below a folder, in each format, and nothing else', async () => {
    await file('in/a.wav', 10);
    await file('in/deep/b.MP3', 20);
    await file('in/notes.txt', 30);
    await file('in/.hidden.wav', 30);
    const { code, out, err } = await batch('--format', 'txt,json');
    expect({ code, out, err }).toEqual({ code: 0, out: '2 transcribed, 0 failed\n', err: '2 files, 0 done already\n' });
    const written = (await readdir(join(folder, 'out'), { recursive: true })).sort();
    expect(written).toEqual(['a.wav.json', 'a.wav.txt', 'deep', 'deep/b.MP3.json', 'deep/b.MP3.txt']);
    expect(await readFile(join(folder, 'out/a.wav.txt'), 'utf8')).toBe('words of 10 bytes\n');
  });

  test('run again does nothing that is done, and a lost result is fetched without the file being sent again', async () => {
    await file('in/a.wav', 10);
    await file('in/b.wav', 20);
    await batch();
    expect(posts()).toBe(2);
    expect((await batch()).err).toBe('2 files, 2 done already\n');
    await rm(join(folder, 'out/b.wav.txt'));
    expect((await batch()).out).toBe('1 transcribed, 0 failed\n');
    expect(posts()).toBe(2);
  });

  test('a file that has changed since is transcribed anew', async () => {
    const path = await file('in/a.wav', 10);
    await batch();
    await writeFile(path, Buffer.alloc(11, 'x'));
    const later = new Date(Date.now() + 10_000);
    await utimes(path, later, later);
    await batch();
    expect(await readFile(join(folder, 'out/a.wav.txt'), 'utf8')).toBe('words of 11 bytes\n');
  });

  test('one file that fails stops no other, is told, and is tried again the next time', async () => {
    await file('in/bad.wav', 10);
    await file('in/good.wav', 20);
    service.answer = (request, query) =>
      request === 'POST /v1/sessions' && query.get('filename') === 'bad.wav'
        ? problem(415, 'unsupported_audio', 'the file holds no audio')
        : null;
    const { code, out, err } = await batch();
    expect({ code, out }).toEqual({ code: 1, out: '1 transcribed, 1 failed\n' });
    expect(err).toContain('bad.wav: the file holds no audio (unsupported_audio)');
    service.answer = () => null;
    expect((await batch()).out).toBe('1 transcribed, 0 failed\n');
  });

  test('a format or a folder that does not exist is told before anything is sent', async () => {
    const wrong = await run(service.url, ['batch', folder, '--out', folder, '--format', 'doc']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain("'doc' is none of txt");
    expect((await run(service.url, ['batch', join(folder, 'no'), '--out', folder])).err).toContain(
      'no such file or folder',
    );
    expect(posts()).toBe(0);
  });
});

describe('watch', () => {
  const names = async (of = ''): Promise<string[]> => (await readdir(join(folder, of))).sort();

  test('a file that has stopped growing is transcribed, and moved once its text is there; a restart goes on', async () => {
    await file('a.wav', 10);
    const watching = start(service.url, ['watch', folder, '--settle', '100']);
    await watching.printed('a.wav → a.wav.txt');
    expect(await names()).toEqual(['a.wav.txt', 'done', 'failed']);
    expect(await names('done')).toEqual(['a.wav']);
    watching.child.kill('SIGKILL');
    await watching.outcome;
    await file('b.wav', 20);
    const again = start(service.url, ['watch', folder, '--settle', '100']);
    await again.printed('b.wav → b.wav.txt');
    again.child.kill('SIGINT');
    expect((await again.outcome).code).toBe(0);
    expect(posts()).toBe(2);
  });

  test('a file that cannot be transcribed is set aside with the reason, and one that grows is waited for', async () => {
    service.answer = (request) =>
      request === 'POST /v1/sessions' ? problem(415, 'unsupported_audio', 'the file holds no audio') : null;
    const watching = start(service.url, ['watch', folder, '--settle', '100']);
    await watching.printed('watching');
    await file('bad.wav', 10);
    await until(
      'it is set aside',
      () => names('failed'),
      (seen) => seen.length === 2,
    );
    expect(await names('failed')).toEqual(['bad.wav', 'bad.wav.error.txt']);
    expect(await readFile(join(folder, 'failed/bad.wav.error.txt'), 'utf8')).toContain('unsupported_audio');
    watching.child.kill('SIGINT');
    await watching.outcome;
  });
});

describe('export', () => {
  test('a cell that a spreadsheet would compute is text', () => {
    expect(csvRow(['=cmd()', '+1', '-1', '@x', '\tx', 'a,b', 'a"b', 'plain'])).toBe(
      `'=cmd(),'+1,'-1,'@x,'\tx,"a,b","a""b",plain\r\n`,
    );
  });

  test('gives the sessions that are asked for, page after page', async () => {
    const row = (id: string, state: string) => ({
      id,
      kind: 'file',
      state,
      model: 'en',
      labels: ['a', 'b'],
      worker: null,
      startedAt: '2026-01-01T00:00:00.000Z',
      endedAt: null,
    });
    service.answer = (request, query) => {
      if (request !== 'GET /v1/sessions') return null;
      const isFirst = query.get('cursor') === null;
      const sessions = isFirst ? [row('=a', 'completed'), row('b', 'failed')] : [row('c', 'completed')];
      return { body: { sessions, nextCursor: isFirst ? 'next' : null } };
    };
    const { out } = await run(service.url, ['export', '--as', 'csv', '--state', 'completed']);
    expect(out).toBe(
      'id,kind,state,model,labels,worker,startedAt,endedAt\r\n' +
        "'=a,file,completed,en,a b,,2026-01-01T00:00:00.000Z,\r\nc,file,completed,en,a b,,2026-01-01T00:00:00.000Z,\r\n",
    );
    const lines = (await run(service.url, ['export', '--state', 'failed'])).out.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ id: 'b', state: 'failed' }]);
  });
});

test('the pace says how many a minute and how long it will take', () => {
  const pace = new Pace(10, 0);
  expect(pace.text(1000)).toBe('0 of 10');
  pace.ended();
  pace.ended();
  expect(pace.text(60_000)).toBe('2 of 10, 2.0/min, 4 min left');
  expect(pace.share).toBe(0.2);
});
