/** Events of a session: each final once and in order, whatever happens to the reader's connection or its gateway. */
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import type { Segment, SessionResult } from '../../../workflows/contract.ts';
import { objectKeys } from '../../../workflows/contract.ts';
import { Backstage, Edge } from '../../harness/edge.ts';
import { EventReader } from '../../harness/event-reader.ts';
import { until } from '../../harness/until.ts';
import { segment } from '../../workflows/session/given.ts';

let backstage: Backstage;
const edges: Edge[] = [];
const readers: EventReader[] = [];
beforeEach(() => (backstage = new Backstage()));
afterEach(async () => {
  for (const reader of readers) reader.close();
  const faults = readers.flatMap((reader) => reader.faults);
  readers.length = 0;
  await Promise.all(edges.splice(0).map((edge) => edge.end()));
  expect(faults).toEqual([]);
});

type Changes = ConstructorParameters<typeof Edge>[0];
async function open(changes: Changes = {}): Promise<Edge> {
  const edge = await new Edge(changes, backstage).listen();
  edges.push(edge);
  return edge;
}
const eventsOf = (edge: Edge, id = 's'): string => `${edge.url}/v1/sessions/${id}/events`;
function read(url: () => string, lastEventId?: string): EventReader {
  const reader = new EventReader(url, lastEventId);
  readers.push(reader);
  return reader;
}

/** A live session with a worker. */
async function speak(edge: Edge): Promise<void> {
  const client = await edge.client();
  await client.session();
  backstage.sessions.grant('s');
}
const commit = (from: number, end: number): void =>
  backstage.sessions.commit(
    's',
    Array.from({ length: end - from }, (_, i) => segment(from + i)),
    end * 32_000,
  );
const upTo = (end: number): number[] => Array.from({ length: end }, (_, index) => index);

test('a live session is told from its state over each final to its end, and then its reader does not come again', async () => {
  const edge = await open();
  await speak(edge);
  const reader = read(() => eventsOf(edge));
  expect((await reader.until('session')).data).toMatchObject({ id: 's', state: 'streaming' });
  commit(0, 1);
  expect((await reader.until('final')).data).toMatchObject({ index: 0, text: 'segment 0', audioEndMs: 1000 });
  commit(1, 4);
  await reader.until('final', 4);
  await backstage.sessions.complete('s');
  expect(await reader.until('done')).toMatchObject({
    id: '4.done',
    data: { state: 'completed', segments: 4, error: null },
  });
  await reader.when(() => reader.isClosed);
  expect(reader.indexes).toEqual(upTo(4));
  expect(reader.connections).toBe(2);
  expect(reader.of('session').at(-1)?.data).toMatchObject({ state: 'completed', progress: 1 });
});

test('a reader whose connection drops again and again loses none and hears none twice', async () => {
  const edge = await open();
  await speak(edge);
  const reader = read(() => eventsOf(edge));
  for (let round = 0; round < 4; round += 1) {
    commit(round * 3, round * 3 + 3);
    await reader.until('final', round * 3 + 1 + (round % 3));
    reader.cut();
  }
  await reader.until('final', 12);
  await backstage.sessions.complete('s');
  await reader.until('done');
  expect(reader.indexes).toEqual(upTo(12));
  expect(reader.connections).toBeGreaterThan(4);
});

test('when its gateway ends, a reader goes on at another from where it was', async () => {
  const [first, second] = [await open(), await open()];
  await speak(second);
  let at = first;
  const reader = read(() => eventsOf(at));
  commit(0, 2);
  await reader.until('final', 2);
  const told = reader.of('session').length;
  at = second;
  await first.server.drain();
  commit(2, 3);
  await reader.until('final', 3);
  expect(reader.indexes).toEqual([0, 1, 2]);
  // A state that was told is not told again.
  expect(reader.of('session')).toHaveLength(told);
});

test.each([
  ['from the start', undefined, [0, 1, 2]],
  ['behind the id that is asked for', '2.', [2]],
  ['nothing but the end behind the last', '3.', []],
])('a session that has ended is told %s, and its end', async (_what, id, indexes) => {
  const edge = await open();
  await speak(edge);
  commit(0, 3);
  await backstage.sessions.complete('s');
  const reader = read(() => eventsOf(edge), id);
  await reader.until('done');
  expect(reader.indexes).toEqual(indexes);
});

test('an id can be given in the query; the header goes before', async () => {
  const edge = await open();
  await speak(edge);
  commit(0, 3);
  await backstage.sessions.complete('s');
  const whole = async (query: string, headers = {}) =>
    (await (await fetch(`${eventsOf(edge)}${query}`, { headers })).text()).match(/"index":\d/g) ?? [];
  expect(await whole('?lastEventId=1.')).toEqual(['"index":1', '"index":2']);
  expect(await whole('?lastEventId=1.', { 'Last-Event-ID': '2.' })).toEqual(['"index":2']);
});

test('who has heard the end is answered 204', async () => {
  const edge = await open();
  await speak(edge);
  await backstage.sessions.complete('s');
  const answer = await fetch(eventsOf(edge), { headers: { 'Last-Event-ID': '0.done' } });
  expect(answer.status).toBe(204);
});

test('all readers of a session at a gateway share one watch, which ends with the last of them', async () => {
  const edge = await open();
  await speak(edge);
  const many = Array.from({ length: 5 }, () => read(() => eventsOf(edge)));
  await Promise.all(many.map((reader) => reader.until('session')));
  commit(0, 1);
  await Promise.all(many.map((reader) => reader.until('final')));
  expect(backstage.sessions.changesAsked).toBe(1);
  for (const reader of many) reader.close();
  await until(
    'the watch has ended',
    () => backstage.sessions.watchedNow,
    (watched) => watched === 0,
  );
  await read(() => eventsOf(edge)).until('final');
  expect(backstage.sessions.changesAsked).toBe(2);
});

test('finals that left the workflow for a checkpoint are told all the same', async () => {
  const edge = await open();
  await speak(edge);
  commit(0, 5);
  const first = upTo(4).map((index) => segment(index));
  await backstage.objects.put(
    objectKeys.checkpoint({ tenant: 't', id: 's' }, null, 0, 4),
    Buffer.from(JSON.stringify(first)),
  );
  backstage.sessions.checkpointed('s', 4);
  const reader = read(() => eventsOf(edge));
  await reader.until('final', 5);
  expect(reader.indexes).toEqual(upTo(5));
});

describe('a file', () => {
  const ref = { tenant: 't', id: 'f' };
  const put = (key: string, state: string, segments: readonly Segment[]): Promise<void> =>
    backstage.objects.put(key, Buffer.from(JSON.stringify({ state, segments })));
  const finish = (span: number, count: number) =>
    put(
      objectKeys.transcript(ref, span, 'json'),
      'completed',
      upTo(count).map((index) => segment(index, `span ${span} segment ${index}`)),
    );
  const result: SessionResult = { state: 'completed', reason: null, detail: null, segments: 6, audioMs: 3000 };
  const post = (edge: Edge) => fetch(`${edge.url}/v1/sessions?session=f`, { method: 'POST', body: 'x' });

  test('is told span after span: a final never changes its index', async () => {
    const edge = await open();
    await post(edge);
    const reader = read(() => eventsOf(edge, 'f'));
    await reader.until('session');
    backstage.sessions.changeFile('f', { state: 'streaming', spans: { done: 0, total: 4 }, audioEndByte: 96_000 });
    await finish(2, 1);
    backstage.sessions.changeFile('f', { spans: { done: 1, total: 4 }, throughByte: 24_000 });
    await reader.when(() => reader.of('session').some(({ data }) => data['progress'] === 0.25));
    expect(reader.indexes).toEqual([]);
    await finish(0, 2);
    backstage.sessions.changeFile('f', { spans: { done: 2, total: 4 }, throughByte: 48_000 });
    await reader.until('final', 2);
    reader.cut();
    await finish(1, 0);
    backstage.sessions.changeFile('f', { spans: { done: 3, total: 4 }, throughByte: 72_000 });
    await reader.until('final', 3);
    expect(reader.of('final')[2]?.data).toMatchObject({ index: 2, text: 'span 2 segment 0' });
    const whole = upTo(6).map((index) => segment(index));
    await put(objectKeys.transcript(ref, null, 'json'), 'completed', whole);
    backstage.sessions.changeFile('f', { state: 'completed', spans: { done: 4, total: 4 } }, result);
    expect((await reader.until('done')).data).toMatchObject({ state: 'completed', segments: 6, audioMs: 3000 });
    expect(reader.indexes).toEqual(upTo(6));
  });

  test('that failed says why', async () => {
    const edge = await open();
    await post(edge);
    const reader = read(() => eventsOf(edge, 'f'));
    await reader.until('session');
    const why = { state: 'failed', reason: 'unsupported_audio', detail: 'no audio in it' } as const;
    backstage.sessions.changeFile('f', why, { ...result, ...why });
    const error = { code: 'unsupported_audio', detail: 'no audio in it' };
    expect((await reader.until('done')).data).toMatchObject({ state: 'failed', error });
    expect(reader.of('session').at(-1)?.data).toMatchObject({ state: 'failed', error });
  });
});

test('a session that waits is told its place', async () => {
  const edge = await open();
  backstage.sessions.waiting = [{ workflowId: 'session/t/s', kind: 'live' }];
  const client = await edge.client();
  await client.session();
  const reader = read(() => eventsOf(edge));
  expect((await reader.until('queued')).data).toMatchObject({ position: 1, estimated: true });
  expect(reader.of('queued')[0]?.id).toBe(reader.of('session')[0]?.id);
});

test('a stream says when to come again, and a silent one is kept open by comments', async () => {
  const edge = await open({ eventsHeartbeatMs: 30 });
  await speak(edge);
  const answer = await fetch(eventsOf(edge));
  expect(answer.headers.get('cache-control')).toContain('no-cache');
  let text = '';
  for await (const piece of answer.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(piece).toString('utf8');
    if ((text.match(/^: here$/gm) ?? []).length >= 3) break;
  }
  expect(text).toMatch(/^retry: 1000\n\n/);
});

test('a reader that does not read is let go of, and holds up no other', async () => {
  const edge = await open({ eventsHeartbeatMs: 100 });
  await speak(edge);
  const socket = dial(edge.port, '127.0.0.1');
  socket.write('GET /v1/sessions/s/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await once(socket, 'readable');
  const other = read(() => eventsOf(edge));
  await other.until('session');
  const long = 'word '.repeat(100_000);
  for (let index = 0; index < 40; index += 1) {
    backstage.sessions.commit('s', [{ ...segment(index), text: long, words: [] }], (index + 1) * 32_000);
  }
  await other.until('final', 40);
  socket.on('error', () => undefined);
  await until(
    'one reader is left',
    () => edge.server.streams.open,
    (open) => open === 1,
  );
  socket.destroy();
}, 30_000);

test.each([
  ['of no session', '/v1/sessions/nobody/events', 404, 'not_found'],
  ['behind an id that is none', '/v1/sessions/s/events?lastEventId=x', 400, 'invalid_parameter'],
  ['with a parameter that does not exist', '/v1/sessions/s/events?from=1', 400, 'unknown_parameter'],
])('events %s are refused', async (_what, path, status, code) => {
  const edge = await open();
  await speak(edge);
  const answer = await fetch(`${edge.url}${path}`);
  expect({ status: answer.status, body: await answer.json() }).toMatchObject({ status, body: { code } });
});

test('more readers than are allowed are refused, and one that left makes room', async () => {
  const edge = await open({ maxEventStreams: 1 });
  await speak(edge);
  const reader = read(() => eventsOf(edge));
  await reader.until('session');
  const refused = await fetch(eventsOf(edge));
  expect({ status: refused.status, body: await refused.json() }).toMatchObject({
    status: 503,
    body: { code: 'too_many_streams' },
  });
  expect((await fetch(eventsOf(edge), { method: 'HEAD' })).status).toBe(503);
  reader.close();
  await until(
    'there is room',
    () => edge.server.streams.open,
    (open) => open === 0,
  );
  expect((await fetch(eventsOf(edge), { method: 'HEAD' })).headers.get('content-type')).toContain('text/event-stream');
});
