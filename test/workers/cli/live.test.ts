import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import { waitText } from '../../../workers/cli/live-view.ts';
import { StandIn, run, start } from './stand-in.ts';

let service: StandIn;
let heard: Buffer;
let says: string[];
let wake = (): void => undefined;

beforeEach(async () => {
  service = await new StandIn().start();
  heard = Buffer.alloc(0);
  says = [];
});
afterEach(() => service.stop());

const say = (socket: WebSocket, message: object): void => socket.send(JSON.stringify(message));
const final = (index: number, text: string) => ({ type: 'final', index, startMs: 0, endMs: 1, text, words: [] });
const done = { type: 'done', segments: 2, audioMs: 200, state: 'completed' };

/** Takes audio in, and finishes when it is told to. */
function serve(socket: WebSocket, query: URLSearchParams): void {
  say(socket, {
    type: 'session',
    id: query.get('session'),
    durableBytes: 0,
    nextIndex: 0,
    model: 'en',
    language: 'en',
  });
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) heard = Buffer.concat([heard, data]);
    else says.push(data.toString());
    wake();
    if (isBinary || !data.includes('end')) return;
    say(socket, final(0, 'Ask not'));
    say(socket, final(1, 'what your country can do'));
    say(socket, done);
    socket.close(1000);
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((woken) => (wake = woken));
}

test('samples on standard input are streamed as they are, and finals are lines of standard output', async () => {
  service.live = serve;
  const samples = randomBytes(6400);
  const running = start(service.url, ['live', '-', '--session', 'call-9']);
  running.child.stdin?.end(samples);
  const { code, out, err } = await running.outcome;
  expect({ code, out }).toEqual({ code: 0, out: 'Ask not\nwhat your country can do\n' });
  expect(heard.equals(samples)).toBe(true);
  expect(err).toBe('session call-9\ncompleted: 2 segments, 0:00.2 of audio\n');
});

test('a file is decoded here and streamed as 16 kHz samples', async () => {
  service.live = serve;
  const { code } = await run(service.url, ['live', 'workers/start/sample/jfk.wav', '--session', 'x'], {});
  expect(code).toBe(0);
  expect(heard.length / 32_000).toBeCloseTo(11, 1);
}, 30_000);

test('Ctrl-C ends the session properly: what is left is said and waited for', async () => {
  service.live = serve;
  const running = start(service.url, ['live', '-']);
  running.child.stdin?.write(randomBytes(3200));
  await until(() => heard.length === 3200);
  running.child.kill('SIGINT');
  const { code, out, err } = await running.outcome;
  expect({ code, out }).toEqual({ code: 0, out: 'Ask not\nwhat your country can do\n' });
  expect(says).toEqual(['{"type":"end"}']);
  expect(err).toContain('ending');
});

test('a second Ctrl-C leaves at once, and says that the session stays', async () => {
  service.live = (socket, query) => {
    serve(socket, query);
    socket.removeAllListeners('message');
    socket.on('message', () => wake());
  };
  const running = start(service.url, ['live', '-', '--session', 'call-9']);
  await running.printed('session call-9');
  running.child.kill('SIGINT');
  await running.printed('once more leaves at once');
  // The first half second after a signal is the terminal's and npm's echo of it.
  await new Promise((later) => setTimeout(later, 600));
  running.child.kill('SIGINT');
  const { code, err } = await running.outcome;
  expect(code).toBe(130);
  expect(err).toContain('npx longhand show call-9');
});

test('a broken connection is told once, and gone on with', async () => {
  let connections = 0;
  service.live = (socket, query) => {
    connections += 1;
    if (connections > 1) serve(socket, query);
    else {
      say(socket, { type: 'session', id: 'x', durableBytes: 0, nextIndex: 0, model: 'en', language: 'en' });
      socket.once('message', () => socket.terminate());
    }
  };
  const running = start(service.url, ['live', '-']);
  running.child.stdin?.end(randomBytes(6400));
  const { code, err } = await running.outcome;
  expect(code).toBe(0);
  expect(heard).toHaveLength(6400);
  expect(err.match(/connection lost/g)).toHaveLength(1);
  expect(err).toContain('connected again');
});

test('a refusal is one line with its code', async () => {
  service.live = (socket) => {
    say(socket, { type: 'error', code: 'unknown_model', message: 'model "x": one of en', retryable: false });
    socket.close(4400);
  };
  const { code, err } = await run(service.url, ['live', '-', '--model', 'x']);
  expect({ code, err }).toEqual({ code: 1, err: 'longhand: model "x": one of en (unknown_model)\n' });
});

test('a session that is cancelled meanwhile ends the command, though more could be said', async () => {
  service.live = (socket, query) => {
    serve(socket, query);
    say(socket, { ...done, state: 'cancelled', segments: 0 });
  };
  const { code, err } = await run(service.url, ['live', '-', '--session', 'call-9']);
  expect(code).toBe(1);
  expect(err).toContain('session call-9 was cancelled');
});

test('a file that is no audio is refused before a session is begun', async () => {
  let connections = 0;
  service.live = () => (connections += 1);
  const path = `${process.cwd()}/package.json`;
  const { code, err } = await run(service.url, ['live', path]);
  expect({ code, connections }).toEqual({ code: 1, connections: 0 });
  expect(err).toMatch(/package\.json: .*\(unsupported_audio\)\n$/);
}, 30_000);

test('waiting is told with place and time, as far as they are known', () => {
  expect(waitText(3, 20_000)).toBe('waiting for a worker, place 3, about 20 s; the audio is stored meanwhile');
  expect(waitText(null, null)).toBe('waiting for a worker; the audio is stored meanwhile');
});
