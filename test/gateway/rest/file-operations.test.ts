/** What REST lets one do with a file, and with stored audio: over real HTTP, the workflows being a stand-in. */
import { objectKeys } from '../../../workflows/contract.ts';
import type { FileInput, SessionView, TranscriptDocument } from '../../../workflows/contract.ts';
import { Edge } from '../../harness/edge.ts';

const ref = { tenant: 't', id: 'talk' };
const catalogue = { defaultModel: 'en', models: { en: { languages: ['en'] }, other: { languages: ['en', 'de'] } } };

let edge: Edge;
beforeEach(async () => {
  edge = await new Edge({ catalogue }).listen();
  const { bounds } = edge.gateway.settings;
  const spec = { ref, model: 'en', language: 'en', priority: 'normal', weight: 1, bounds } as const;
  const input: FileInput = { ...spec, kind: 'file', fileName: 'talk.wav', uploadId: 'u', uploadBytes: 9 };
  await edge.sessions.startFile(input);
});
afterEach(() => edge.end());

const are = (view: Partial<SessionView>): void => void (edge.sessions.fileView = view);

async function ask(method: string, path: string, body?: object) {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(`${edge.url}/v1/sessions/${path}`, { method, ...init });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

const document = (version: number, state: TranscriptDocument['state'], text: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      id: 'talk',
      tenant: 't',
      model: 'm',
      language: 'en',
      state,
      audioMs: 9,
      version,
      text,
      segments: [],
    }),
  );

async function written(version: number, state: TranscriptDocument['state'] = 'completed'): Promise<void> {
  const facts = { version, model: 'other', language: 'de', createdAt: '2026-11-28T07:00:00.000Z' };
  const { objects } = edge.backstage;
  if (version > 1) await objects.put(objectKeys.versionFacts(ref, version), Buffer.from(JSON.stringify(facts)));
  const key = objectKeys.transcript(ref, null, 'json', version);
  await objects.put(key, document(version, state, `of version ${version}`));
}

test('a file that goes on is stopped, one that has ended is not', async () => {
  are({ state: 'streaming' });
  expect(await ask('POST', 'talk/stop')).toMatchObject({ status: 202, body: { id: 'talk', state: 'streaming' } });
  are({ state: 'completed' });
  expect(await ask('POST', 'talk/stop')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  expect(edge.files.stopped).toEqual(['talk']);
});

test.each(['stopped', 'cancelled', 'failed'] as const)('a file that is %s goes on as it was begun', async (state) => {
  are({ state });
  expect((await ask('POST', 'talk/restart')).status).toBe(202);
  expect(edge.files.restarted).toMatchObject([{ uploadId: 'u', fileName: 'talk.wav', restarts: 1 }]);
});

test.each<[Partial<SessionView>, RegExp]>([
  [{ state: 'streaming' }, /one that was stopped/],
  [{ state: 'completed' }, /nothing is left/],
  [{ state: 'failed', reason: 'unsupported_audio' }, /post another one/],
])('a file with the state %j is not restarted, and why is said', async (view, why) => {
  are(view);
  const { status, body } = await ask('POST', 'talk/restart');
  expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'wrong_state' });
  expect(body['detail']).toMatch(why);
  expect(edge.files.restarted).toEqual([]);
});

test('a live session is cancelled, and neither stopped nor restarted', async () => {
  const client = await edge.client('session=live');
  for (const what of ['stop', 'restart']) {
    expect(await ask('POST', `live/${what}`)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  }
  expect(await ask('POST', 'live/cancel')).toMatchObject({ status: 202, body: { state: 'cancelled' } });
  expect(await client.code()).toBe(1000);
});

test('nobody has a session of another name', async () => {
  for (const what of ['stop', 'restart', 'cancel']) expect((await ask('POST', `nobody/${what}`)).status).toBe(404);
  expect((await ask('POST', 'nobody/transcripts', { model: 'en' })).status).toBe(404);
  expect((await ask('GET', 'nobody/transcripts')).status).toBe(404);
});

describe('versions', () => {
  beforeEach(() => are({ state: 'completed', audioEndByte: 64, startedAt: '2026-11-28T06:00:00.000Z' }));

  test('of stored audio by another model are numbered from 2 on, also when asked for at once', async () => {
    await written(2);
    const answers = await Promise.all(
      Array.from({ length: 3 }, () => ask('POST', 'talk/transcripts', { model: 'other', language: 'de' })),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(answers.map(({ body }) => body['version']).sort()).toEqual([3, 4, 5]);
    expect(edge.files.versions[0]).toMatchObject({ kind: 'version', model: 'other', language: 'de', ref });
  });

  test('are listed with what they were asked for and how they stand', async () => {
    await written(2);
    await ask('POST', 'talk/transcripts', { model: 'other' });
    const facts = { version: 3, model: 'other', language: 'en', createdAt: '2026-11-28T08:00:00.000Z' };
    await edge.backstage.objects.put(objectKeys.versionFacts(ref, 3), Buffer.from(JSON.stringify(facts)));
    expect((await ask('GET', 'talk/transcripts')).body).toEqual({
      transcripts: [
        { version: 1, model: 'en', language: 'en', state: 'completed', createdAt: '2026-11-28T06:00:00.000Z' },
        { version: 2, model: 'other', language: 'de', state: 'completed', createdAt: '2026-11-28T07:00:00.000Z' },
        { ...facts, state: 'streaming' },
      ],
    });
  });

  test('are read by number; without one the newest that is completed', async () => {
    const read = async (query = '') => (await ask('GET', `talk/transcript${query}`)).body['text'];
    await written(1);
    expect(await read()).toBe('of version 1');
    await written(2);
    await written(3, 'cancelled');
    expect(await read()).toBe('of version 2');
    expect(await read('?version=1')).toBe('of version 1');
    expect(await read('?version=3')).toBe('of version 3');
    expect(await ask('GET', 'talk/transcript?version=9')).toMatchObject({ status: 404 });
    await ask('POST', 'talk/transcripts', { model: 'other' });
    expect(await ask('GET', 'talk/transcript?version=4')).toMatchObject({
      status: 409,
      body: { code: 'not_finished' },
    });
    expect(await ask('GET', 'talk/transcript?version=0')).toMatchObject({ status: 400 });
  });

  test.each([
    [{ model: 'klingon' }, 'unknown_model'],
    [{ model: 'other', language: 'tlh' }, 'unknown_language'],
    [{}, 'invalid_parameter'],
    [{ model: 'en', speed: 2 }, 'unknown_parameter'],
  ])('asked for by %j are refused as %s', async (body, code) => {
    expect(await ask('POST', 'talk/transcripts', body)).toMatchObject({ status: 400, body: { code } });
  });

  test('of a session that goes on are not made', async () => {
    are({ state: 'streaming', audioEndByte: 64 });
    const { status, body } = await ask('POST', 'talk/transcripts', { model: 'en' });
    expect({ status, code: body['code'] }).toEqual({ status: 409, code: 'wrong_state' });
  });
});

test.each<[Partial<SessionView>, number | null]>([
  [{ state: 'preparing', audioEndByte: null }, null],
  [{ state: 'streaming', throughByte: 0, audioEndByte: 1000, pace: { sinceMs: 0, share: 0, endMs: null } }, null],
  [
    { state: 'streaming', throughByte: 250, audioEndByte: 1000, pace: { sinceMs: 60_000, share: 0.25, endMs: null } },
    180_000,
  ],
  // Half was done in an earlier life: the pace is that of this one.
  [
    { state: 'streaming', throughByte: 750, audioEndByte: 1000, pace: { sinceMs: 60_000, share: 0.25, endMs: null } },
    60_000,
  ],
  [
    { state: 'completed', throughByte: 1000, audioEndByte: 1000, pace: { sinceMs: 60_000, share: 1, endMs: null } },
    null,
  ],
])('of a file that is %j so much time is left: %p ms', async (view, left) => {
  const { pace } = view;
  are({ ...view, ...(pace === undefined ? {} : { pace: { ...pace, sinceMs: Date.now() - pace.sinceMs } }) });
  const { body } = await ask('GET', 'talk');
  const { estimatedRemainingMs, estimatedEndAt } = body as { estimatedRemainingMs: number; estimatedEndAt: string };
  if (left === null) expect([estimatedRemainingMs, estimatedEndAt]).toEqual([null, null]);
  else {
    expect(Math.abs(estimatedRemainingMs - left)).toBeLessThan(left / 20);
    expect(Math.abs(Date.parse(estimatedEndAt) - Date.now() - left)).toBeLessThan(left / 20);
  }
});

test('spans that were finished say when the last one will be; once that time is over they are not believed', async () => {
  const sinceMs = Date.now() - 60_000;
  const left = async (endMs: number): Promise<number> => {
    are({ state: 'streaming', throughByte: 500, audioEndByte: 1000, pace: { sinceMs, share: 0.5, endMs } });
    return Number((await ask('GET', 'talk')).body['estimatedRemainingMs']);
  };
  expect(Math.abs((await left(Date.now() + 20_000)) - 20_000)).toBeLessThan(1000);
  expect(Math.abs((await left(Date.now() - 5000)) - 60_000)).toBeLessThan(1000);
});

test('a version that is being made is cancelled; the first one is the session, and what is none is not found', async () => {
  are({ state: 'completed', audioEndByte: 32 });
  await ask('POST', 'talk/transcripts', { model: 'other' });
  edge.files.versionState = 'cancelled';
  expect(await ask('POST', 'talk/transcripts/2/cancel')).toMatchObject({
    status: 202,
    body: { version: 2, model: 'other', state: 'cancelled' },
  });
  expect(edge.files.cancelledVersions).toEqual([2]);
  expect(await ask('POST', 'talk/transcripts/1/cancel')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  for (const none of ['3', '0', '02', 'x']) {
    expect((await ask('POST', `talk/transcripts/${none}/cancel`)).status).toBe(404);
  }
});
