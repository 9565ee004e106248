/** The commands that look, and what every command says of a service that is not there. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describeConfig, readConfig } from '../../../infra/config.ts';
import { settingsMarkdown } from '../../../workers/cli/config.ts';
import { sessionTable } from '../../../workers/cli/sessions.ts';
import { clock, duration, table } from '../../../workers/cli/table.ts';
import { until } from '../../harness/until.ts';
import { problem, run, session, StandIn, start } from './stand-in.ts';

let service: StandIn;
beforeEach(async () => {
  service = await new StandIn().start();
});
afterEach(() => service.stop());

const row = (id: string) => ({
  id,
  kind: 'live',
  state: 'streaming',
  model: 'en',
  labels: [],
  worker: 'en-1',
  startedAt: '2026-03-01T12:00:00.000Z',
  endedAt: null,
});

async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return `http://127.0.0.1:${port}`;
}

test.each([
  [['sessions']],
  [['show', 'x']],
  [['workers']],
  [['pools']],
  [['cancel', 'x']],
  [['delete', 'x']],
  [['transcribe', 'x.wav']],
  [['live', '-']],
])('a service that is not there is one line that says what to do: %j', async (args) => {
  const url = await deadUrl();
  const { code, out, err } = await run(url, args);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(
    /^longhand: Longhand does not answer at \S+ \(.*ECONNREFUSED.*\): start it with `npm start`, .*\n$/,
  );
  expect(err).toContain(url);
});

test('something else at the address is told as such', async () => {
  service.answer = () => ({ body: '<html>hello</html>' });
  const { code, err } = await run(service.url, ['sessions']);
  expect(code).toBe(1);
  expect(err).toBe(
    `longhand: what answers at ${service.url} is not Longhand: name its address by --url or LONGHAND_URL\n`,
  );
});

test('--url is stronger than the setting', async () => {
  service.answer = () => ({ body: { sessions: [], nextCursor: null } });
  expect((await run(await deadUrl(), ['sessions', '--url', `${service.url}/`])).code).toBe(0);
});

test.each([
  [['sessions', '--url', 'localhost:8080'], 'expected http://host:port'],
  [['sessions', '--limit', '0'], 'expected a whole number from 1 on'],
  [['transcribe'], "missing required argument 'files'"],
  [['transcribe', 'x', '--format', 'pdf'], 'Allowed choices are txt, json, srt, vtt'],
  [['transcribe', 'x', '--priority', 'top'], 'Allowed choices are high, normal, low'],
  [['listen'], "unknown command 'listen'"],
  [['live', 'x', '--session', 'a/b'], '--session: letters, digits'],
])('wrong use is told with what is allowed: %j', async (args, message) => {
  const { code, err } = await run(service.url, args);
  expect(code).toBe(2);
  expect(err).toContain(message);
  expect(err).not.toMatch(/\n\s+at /);
});

test('a wrong setting is one line', async () => {
  const { code, err } = await run('ftp://x', ['sessions']);
  expect(code).toBe(2);
  expect(err).toMatch(/^longhand: LONGHAND_URL: .*expected http:.*\n$/);
});

test('sessions reads page after page up to the limit', async () => {
  service.answer = (_request, query) => {
    const from = Number(query.get('cursor') ?? 0);
    const take = Number(query.get('limit'));
    const sessions = Array.from({ length: take }, (_, i) => row(`s${from + i}`));
    return { body: { sessions, nextCursor: String(from + take) } };
  };
  const { code, out } = await run(service.url, ['sessions', '--limit', '250', '--json']);
  expect(code).toBe(0);
  expect((JSON.parse(out) as { id: string }[]).map(({ id }) => id)).toEqual(
    Array.from({ length: 250 }, (_, i) => `s${i}`),
  );
  expect(service.requests).toHaveLength(2);
});

test('a session that runs is measured up to now', () => {
  const text = sessionTable([row('call')], Date.parse('2026-03-01T12:01:30.000Z'));
  expect(text.split('\n')[1]).toMatch(/^call {2}live {2}streaming {2}en {5}en-1 {4}.* 90 s$/);
});

test('show says where a session is, who serves it, and its words so far', async () => {
  const lease = { leaseId: 'lease-1', epoch: 3, workerId: 'en-7' };
  const segments = [{ index: 0, startMs: 61_234, endMs: 62_000, text: 'Ask what' }];
  const facts = { kind: 'live', state: 'streaming', lease, epoch: 3, audioMs: null, progress: null, spans: null };
  service.answer = (request) => ({ body: request.endsWith('/transcript') ? { segments } : session('call', facts) });
  const { code, out } = await run(service.url, ['show', 'call']);
  expect(code).toBe(0);
  for (const fact of ['streaming', 'en-7', 'lease-1', '0:11.0 of audio that goes on', '   1:01.2  Ask what']) {
    expect(out).toContain(fact);
  }
  expect(out).toMatch(/^epoch +3$/m);
});

test('show of a file that is not finished says how far it is', async () => {
  service.answer = (request) =>
    request.endsWith('/transcript')
      ? problem(409, 'not_finished', 'not yet', true)
      : { body: session('talk', { state: 'streaming', progress: 0.5, spans: { done: 2, total: 4 } }) };
  const { code, out } = await run(service.url, ['show', 'talk']);
  expect(code).toBe(0);
  expect(out).toMatch(/^spans +2 of 4$/m);
  expect(out).toContain('(50 %)');
  expect(out).toContain('No transcript yet.');
});

test('a session that is not there is told in the words of the service', async () => {
  const { code, err } = await run(service.url, ['show', 'nobody']);
  expect({ code, err }).toEqual({ code: 1, err: 'longhand: no such session\n' });
});

test('pools are shown with their numbers and the reason, and what is wrong before any reason', async () => {
  const pool = {
    ...{ id: 'en', target: 3, rule: 'headroom', why: 'Headroom asks for 3 workers.', paused: false, fault: null },
    ...{ override: null, limits: null, decisions: [], cost: null },
    observed: {
      at: '2026-03-01T12:00:00.000Z',
      asked: { standing: 3, burst: 0 },
      workers: { starting: 1, busy: 2, idle: 0, draining: 0 },
      slots: { busy: 2, idle: 0 },
      waiting: { sessions: 4, oldestMs: 10 },
    },
  };
  const away = { ...pool, id: 'de', target: null, observed: null, fault: 'the cluster does not answer' };
  service.answer = () => ({ body: { pools: [pool, away] } });
  const { out } = await run(service.url, ['pools']);
  expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['POOL', 'TARGET', 'BUSY', 'IDLE', 'STARTING', 'WAITING', 'WHY'],
    ['en', '3', '2', '0', '1', '4', 'Headroom asks for 3 workers.'],
    ['de', '-', '-', '-', '-', '-', 'the cluster does not answer'],
    [''],
  ]);
  service.answer = () => ({ body: { pools: [] } });
  expect((await run(service.url, ['pools'])).out).toContain('No pool is scaled here');
});

test('what pools cost is shown by pool and by tenant', async () => {
  const cost = {
    currency: 'USD',
    days: [
      { day: '2026-03-01', standingHours: 1, burstHours: 0, hours: 1, cost: 1.5, sessions: 2, costPerSession: 0.75 },
    ],
    month: { soFar: 30, forecast: 93.004, sessions: 40, costPerSession: 0.75 },
    tenants: [
      { tenant: 'harbour', sessions: 30, slotMs: 9000, cost: 20 },
      { tenant: 'rescue', sessions: 10, slotMs: 4500, cost: 10 },
    ],
  };
  const pools = [
    { id: 'en', cost },
    { id: 'de', cost: null },
  ];
  service.answer = () => ({ body: { pools } });
  const { out } = await run(service.url, ['pools', 'costs']);
  expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['POOL', 'TODAY', 'MONTH', 'FORECAST', 'SESSIONS', 'A SESSION'],
    ['en', '1.50', '30.00', '93.00', '40', '0.750', 'USD'],
    ['harbour', '20.00', '30', '0.667', 'USD'],
    ['rescue', '10.00', '10', '1.00', 'USD'],
    ['de', '-', '-', '-', '-', '-', "no prices in the pool's policy"],
    [''],
  ]);
  expect(JSON.parse((await run(service.url, ['pools', 'costs', '--json'])).out)).toEqual(pools);
});

test('a calendar is sent from the file that simulate reads, and the policy’s is asked for again', async () => {
  const asked: unknown[] = [];
  service.answer = (request, _query, body) => {
    asked.push([request, body.length === 0 ? null : JSON.parse(body.toString())]);
    return { body: { id: 'en', timeZone: 'Asia/Singapore' } };
  };
  const file = 'docs/examples/table-3.1.json';
  const set = await run(service.url, ['pools', 'calendar', 'en', file, '--role', 'floor']);
  expect(set).toMatchObject({ code: 0, out: `en: ${file}, floor\n` });
  const { workersByHour } = JSON.parse(await readFile(file, 'utf8')) as { workersByHour: number[] };
  const timetable = { kind: 'hours', workersByHour };
  expect(asked.at(-1)).toEqual([
    'PUT /v1/pools/en/calendar',
    { timetable, leadMs: 1_800_000, role: 'floor', servedShare: 0.99 },
  ]);
  expect((await run(service.url, ['pools', 'calendar', 'en', '--policy'])).out).toBe("en: the policy's calendar\n");
  expect(asked.at(-1)).toEqual(['DELETE /v1/pools/en/calendar', null]);

  service.answer = () => ({ body: { id: 'en', timeZone: 'UTC' } });
  const elsewhere = await run(service.url, ['pools', 'calendar', 'en', file]);
  expect(elsewhere).toMatchObject({ code: 2 });
  expect(elsewhere.err).toContain("timeZone is Asia/Singapore, the pool's is UTC: give the hours of UTC");
  expect(await run(service.url, ['pools', 'calendar', 'en'])).toMatchObject({ code: 2 });
});

test('workers are shown with what they serve', async () => {
  const worker = {
    id: 'en-1',
    model: 'en',
    pid: 7,
    host: 'box',
    slots: 8,
    sessions: ['a'],
    startedAt: row('x').startedAt,
  };
  service.answer = () => ({ body: { workers: [worker] } });
  const { out } = await run(service.url, ['workers']);
  expect(out.split('\n')[1]).toMatch(/^en-1 {2}en {5}1\/8 {3}7 {4}box .* a$/);
});

test('cancel asks for the end of a session', async () => {
  service.answer = () => ({ body: session('call', { state: 'closing' }) });
  const { out } = await run(service.url, ['cancel', 'call']);
  expect(out).toBe('call is being cancelled.\n');
  expect(service.requests).toEqual(['POST /v1/sessions/call/cancel']);
});

describe('delete', () => {
  const gone = { status: 204, body: '' };
  const goesOn = { status: 202, body: { id: 'x', erasing: true } };
  const notThere = problem(404, 'not_found', 'no such session');
  /** What the service answers of each session, one request after the other. */
  const answers = (byId: Record<string, ReturnType<typeof problem>[]>): void => {
    service.answer = (request) =>
      request.startsWith('DELETE ') ? (byId[request.split('/').at(-1) ?? '']?.shift() ?? notThere) : null;
  };

  test('waits until each session is gone, and tells them in order', async () => {
    answers({ a: [goesOn, goesOn, gone], b: [gone], c: [goesOn] });
    const { code, out, err } = await run(service.url, ['delete', 'a', 'b', 'c', 'b']);
    expect({ code, out, err }).toEqual({ code: 0, out: 'a is deleted.\nb is deleted.\nc is deleted.\n', err: '' });
    const asked = service.requests.filter((request) => request.startsWith('DELETE'));
    expect(asked.sort()).toEqual(['a', 'a', 'a', 'b', 'c', 'c'].map((id) => `DELETE /v1/sessions/${id}`));
  });

  test('of a session that is not there is a failure, and the others go on', async () => {
    answers({ a: [gone] });
    const { code, out, err } = await run(service.url, ['delete', 'nobody', 'a']);
    expect({ code, out }).toEqual({ code: 1, out: 'a is deleted.\n' });
    expect(err).toBe('longhand: nobody: no such session\nlonghand: 1 of 2 sessions are not deleted\n');
  });

  test('goes on when the service was away for a moment', async () => {
    answers({ a: [problem(503, 'temporal_unavailable', 'away', true), gone] });
    expect(await run(service.url, ['delete', 'a'])).toMatchObject({ code: 0, out: 'a is deleted.\n' });
  });

  test('interrupted says so by its exit code, and that the deletion goes on', async () => {
    service.answer = (request) => (request.startsWith('DELETE ') ? goesOn : null);
    const { child, outcome } = start(service.url, ['delete', 'a']);
    await until(
      'it is asked',
      () => service.requests.length,
      (count) => count > 2,
    );
    child.kill('SIGINT');
    const { code, err } = await outcome;
    expect({ code, err }).toEqual({ code: 130, err: 'longhand: left. What was asked for is deleted all the same\n' });
  });
});

test('config prints every setting, and no secret', async () => {
  const settings = describeConfig(readConfig({}));
  const { code, out } = await run(service.url, ['config'], { LONGHAND_API_KEY: 'hidden-key', LONGHAND_SLOTS: '3' });
  expect(code).toBe(0);
  for (const { name, meaning } of settings) {
    expect(out).toContain(`${name}=`);
    expect(out).toContain(meaning);
  }
  expect(out).not.toContain('hidden-key');
  expect(out).toMatch(/^LONGHAND_SLOTS=3 {2}\(default: 8\)$/m);
  expect(out).toMatch(/^LONGHAND_HTTP_PORT=8080 {2}\(default\)$/m);
});

test("config's table for the README is the same on every machine", () => {
  const markdown = settingsMarkdown(describeConfig(readConfig({ LONGHAND_SLOTS: '3', HOME: '/home/someone' })));
  expect(markdown).toMatch(/^\| `LONGHAND_SLOTS` \| `8` \| /m);
  expect(markdown).toMatch(/^\| `LONGHAND_CACHE_DIR` \| `~\/\.cache\/longhand` \| /m);
  for (const line of markdown.trimEnd().split('\n')) expect(line.replaceAll('\\|', '').split('|')).toHaveLength(5);
});

test('tables and times', () => {
  expect(
    table([
      ['A', 'B'],
      ['long', '1'],
      ['x', ''],
    ]),
  ).toBe('A     B\nlong  1\nx\n');
  expect([0, 61_299, 3_661_000].map(clock)).toEqual(['0:00.0', '1:01.2', '1:01:01.0']);
  expect([340, 12_000, 240_000, 7_500_000].map(duration)).toEqual(['0.3 s', '12 s', '4 min', '2 h 05 min']);
});
