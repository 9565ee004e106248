/** Lists of sessions on a real Temporal: what they are filtered by, page by page, and that no filter breaks out of its query. */
import { openClient } from '../../infra/temporal.ts';
import { documentedFetch } from '../harness/documented.ts';
import { finishedFile, wav } from '../harness/files.ts';
import { noise } from '../harness/caller.ts';
import { connect } from '../harness/sockets.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: { en: { engine: 'scripted', segmentMs: 400 }, unserved: { engine: 'scripted' } },
    settings: { LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

interface Row {
  readonly id: string;
  readonly labels: readonly string[];
  readonly state: string;
  readonly startedAt: string;
}
interface Page {
  readonly sessions: readonly Row[];
  readonly nextCursor: string | null;
}

const query = (...pairs: readonly (readonly [string, string])[]): string =>
  new URLSearchParams(pairs.map(([...pair]) => pair)).toString();
async function page(target: string): Promise<Page & { link: string | null }> {
  const answer = await documentedFetch(system.httpUrl, target);
  expect({ target, status: answer.status }).toEqual({ target, status: 200 });
  return { ...((await answer.json()) as Page), link: answer.headers.get('link') };
}
const list = async (...pairs: readonly (readonly [string, string])[]): Promise<string[]> =>
  (await page(`/v1/sessions?${query(...pairs)}`)).sessions.map(({ id }) => id).sort();
/** Visibility follows within moments. */
const listed = (ids: readonly string[], ...pairs: readonly (readonly [string, string])[]) =>
  until(
    JSON.stringify(pairs),
    () => list(...pairs),
    (seen) => seen.join() === [...ids].sort().join(),
    10_000,
  );

async function post(id: string, labels: readonly string[], more: readonly (readonly [string, string])[] = []) {
  const target = `/v1/sessions?${query(['session', id], ...more, ...labels.map((label) => ['label', label] as const))}`;
  const body = new Uint8Array(wav(noise(id, 500)));
  const answer = await documentedFetch(system.httpUrl, target, { method: 'POST', body });
  expect({ id, status: answer.status }).toEqual({ id, status: 202 });
  return (await answer.json()) as { labels: string[] };
}

const AWKWARD = [
  'place:a b',
  'place:a-b',
  'place:A b',
  'place:a.b',
  'wort:Zoë',
  'wort:Zoe',
  'at:2026-01-31T08:00:00+01:00',
];

test('files and calls are found by their labels, whatever stands in them; all labels that are asked for must be there', async () => {
  expect((await post('f1', ['desk:north', 'case:17', 'desk:north'])).labels).toEqual(['desk:north', 'case:17']);
  await post('f2', ['desk:north', 'case:18']);
  for (const [at, label] of AWKWARD.entries()) await post(`awkward-${at}`, [label]);
  const { socket, inbox } = await connect(
    `${system.url}/v1/live?${query(['session', 'call'], ['label', 'desk:north'], ['model', 'unserved'])}`,
  );
  await inbox.next('session');
  await listed(['f1', 'f2', 'call'], ['label', 'desk:north']);
  await listed(['f1'], ['label', 'desk:north'], ['label', 'case:17']);
  await listed([], ['label', 'desk:nor']);
  for (const [at, label] of AWKWARD.entries()) await listed([`awkward-${at}`], ['label', label]);
  const { sessions } = await page(`/v1/sessions?${query(['label', 'case:17'])}`);
  expect(sessions[0]?.labels).toEqual(['desk:north', 'case:17']);
  expect((await system.json('/v1/sessions/call')) as object).toMatchObject({ labels: ['desk:north'] });
  socket.close(1000);
}, 60_000);

test('a form gives labels as fields', async () => {
  const form = new FormData();
  for (const label of ['a:1', 'b:2']) form.append('label', label);
  form.set('session', 'form');
  form.set('file', new Blob([new Uint8Array(wav(noise('form', 300)))]), 'a.wav');
  const answer = await documentedFetch(system.httpUrl, '/v1/sessions', { method: 'POST', body: form });
  expect(await answer.json()).toMatchObject({ labels: ['a:1', 'b:2'] });
});

test('sessions are found by state, kind, model and time; one that Temporal ended is failed, and nothing else', async () => {
  await finishedFile(system, 'f1');
  const client = openClient(system.temporal.address, 'default');
  const live = await connect(`${system.url}/v1/live?session=ended&model=unserved&label=end:outside`);
  await live.inbox.next('session');
  await listed(['ended'], ['label', 'end:outside'], ['state', 'queued']);
  await client.workflow.getHandle('session/default/ended').terminate();
  await client.connection.close();
  await listed(['ended'], ['label', 'end:outside'], ['state', 'failed']);
  await listed([], ['label', 'end:outside'], ['state', 'queued']);
  expect((await page(`/v1/sessions?label=end:outside`)).sessions[0]?.state).toBe('failed');
  await listed(['f1', 'f2'], ['label', 'desk:north'], ['kind', 'file']);
  await listed(['call'], ['label', 'desk:north'], ['kind', 'live']);
  await listed(['f1', 'f2'], ['label', 'desk:north'], ['state', 'completed']);
  await listed(['call', 'ended'], ['model', 'unserved']);
  const { startedAt } = (await page('/v1/sessions?label=case:18')).sessions[0] as Row;
  expect(await list(['label', 'desk:north'], ['startedBefore', startedAt])).toEqual(['f1']);
  expect(await list(['label', 'desk:north'], ['startedAfter', startedAt])).not.toContain('f1');
}, 60_000);

test('pages follow each other by cursor and by Link to the end, each session once, while others come', async () => {
  const seen: string[] = [];
  const all = await list(['kind', 'file']);
  let target: string | null = '/v1/sessions?kind=file&limit=3';
  for (let at = 0; target !== null; at += 1) {
    const { sessions, link, nextCursor }: Awaited<ReturnType<typeof page>> = await page(target);
    seen.push(...sessions.map(({ id }) => id));
    if (at === 0) await post('late', []);
    expect(link === null).toBe(nextCursor === null);
    target = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1] ?? null;
  }
  expect(seen.filter((id) => id !== 'late').sort()).toEqual(all);
});

test.each([
  ['a cursor of another list', 'cursor', 400],
  ['a label without a value', 'label=desk', 400],
  ['a label with a control character', 'label=a:%0A', 400],
  ['a label that is too long', `label=a:${'x'.repeat(127)}`, 400],
  ['more than 16 labels', Array.from({ length: 17 }, (_, n) => `label=a:${n}`).join('&'), 400],
  ['a label that would end its string', `label=${encodeURIComponent("a:' OR 'a'='a")}`, 400],
  ['a label that would escape its end', `label=${encodeURIComponent('a:b\\')}`, 400],
  ['a model that would end its string', `model=${encodeURIComponent("en' OR 'a'='a")}`, 400],
  ['a model that would escape its end', `model=${encodeURIComponent('en\\')}`, 400],
  ['a state that does not exist', 'state=asleep', 400],
  ['a time that is none', 'startedAfter=yesterday', 400],
])('%s is refused', async (_what, given, status) => {
  const cursor = async () => `state=completed&cursor=${(await page('/v1/sessions?limit=1')).nextCursor ?? ''}`;
  const answer = await documentedFetch(system.httpUrl, `/v1/sessions?${given === 'cursor' ? await cursor() : given}`);
  expect({ status: answer.status, body: await answer.json() }).toMatchObject({
    status,
    body: { code: 'invalid_parameter' },
  });
});
