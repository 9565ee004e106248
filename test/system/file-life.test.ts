/** What becomes of a file in a whole installation: channels apart, stopped and restarted, transcribed again, and when it will end. */
import alawmulaw from 'alawmulaw';
import { openClient } from '../../infra/temporal.ts';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { Caller, noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';
import { until } from '../harness/until.ts';

const SEGMENT_MS = 400;

const untilSo = (what: string, holds: () => Promise<boolean>): Promise<unknown> =>
  until(what, holds, (seen) => seen, 60_000);

let system: System;
beforeAll(async () => {
  system = await System.start({
    models: {
      en: { engine: 'scripted', segmentMs: SEGMENT_MS, realTimeFactor: 0.1 },
      other: { engine: 'scripted', segmentMs: 1000 },
      unserved: { engine: 'scripted' },
    },
    workers: 2,
    settings: { LONGHAND_SPAN_MS: '3000', LONGHAND_SLOTS: '2', LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
  await system.addWorker({ LONGHAND_MODEL: 'other' });
}, 120_000);
afterAll(() => system.stop(), 30_000);

interface Shown extends Record<string, unknown> {
  readonly state: string;
  readonly progress: number | null;
  readonly estimatedRemainingMs: number | null;
  readonly spans: { done: number; total: number } | null;
}

const shown = async (id: string): Promise<Shown> => (await system.json(`/v1/sessions/${id}`)) as Shown;

async function ask(path: string, body?: object): Promise<Record<string, unknown>> {
  const init =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const answer = await fetch(`${system.httpUrl}/v1/sessions/${path}`, { method: 'POST', ...init });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Record<string, unknown>;
}

const untilState = (id: string, state: string): Promise<unknown> =>
  untilSo(`${id} is ${state}`, async () => (await shown(id)).state === state);

/** A telephone's WAV: 8 kHz, 8 bits a sample by mu-law (7) or A-law (6), the channels interleaved. */
function telephone(law: 'mulaw' | 'alaw', channels: readonly Buffer[]): Uint8Array<ArrayBuffer> {
  const frames = channels[0]?.length ?? 0;
  const data = Buffer.alloc(frames * channels.length);
  channels.forEach((bytes, channel) => bytes.forEach((byte, i) => (data[i * channels.length + channel] = byte)));
  const file = Buffer.from(wav(data));
  file.writeUInt16LE(law === 'mulaw' ? 7 : 6, 20);
  file.writeUInt16LE(channels.length, 22);
  file.writeUInt32LE(8000, 24);
  file.writeUInt32LE(8000 * channels.length, 28);
  file.writeUInt16LE(channels.length, 32);
  file.writeUInt16LE(8, 34);
  return Uint8Array.from(file);
}

/** So many milliseconds of 8 kHz telephone audio. */
function spoken(law: 'mulaw' | 'alaw', seed: string, ms: number): Buffer {
  const pcm = noise(seed, ms / 2);
  return Buffer.from(
    alawmulaw[law].encode(new Int16Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length))),
  );
}

test.each(['mulaw', 'alaw'] as const)(
  'both ends of a telephone call (%s, stereo) have segments of their own, as if each were a file, in the order of time',
  async (law) => {
    const ends = [spoken(law, `${law} caller`, 8000), spoken(law, `${law} called`, 8000)];
    const alone = ends.map((end, i) => postFile(system, telephone(law, [end]), `?session=${law}-alone-${i}`));
    const together = postFile(system, telephone(law, ends), `?session=${law}-both&channels=separate`);
    for (const { status } of await Promise.all([...alone, together])) expect(status).toBe(202);
    const both = await finishedFile(system, `${law}-both`);
    for (const channel of [0, 1]) {
      const { segments } = await finishedFile(system, `${law}-alone-${channel}`);
      const own = both.segments.filter((segment) => segment.channel === channel);
      expect(own.map(({ text, startByte, endByte }) => ({ text, startByte, endByte }))).toEqual(
        segments.map(({ text, startByte, endByte }) => ({ text, startByte, endByte })),
      );
    }
    expect(both).toMatchObject({ channels: 2, audioMs: 8000 });
    expect(both.segments.map(({ index }) => index)).toEqual(both.segments.map((_segment, i) => i));
    const order = both.segments.map(({ startMs, channel }) => startMs * 2 + channel);
    expect(order).toEqual([...order].sort((a, b) => a - b));
    const text = await (await fetch(`${system.httpUrl}/v1/sessions/${law}-both/transcript?format=txt`)).text();
    expect(text).toMatch(/^\[Channel 0\] .*\n\[Channel 1\] /);
    expect(await shown(`${law}-both`)).toMatchObject({ channels: 2, progress: 1, audioMs: 8000 });
  },
  60_000,
);

/** How often each span of a file was begun, by its number. */
async function begun(id: string): Promise<Map<number, number>> {
  const client = openClient(system.temporal.address, 'default');
  const counts = new Map<number, number>();
  try {
    const prefix = `${sessionWorkflowId({ tenant: 'default', id })}/span/`;
    for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'span'" })) {
      if (!workflowId.startsWith(prefix)) continue;
      const span = Number(workflowId.slice(prefix.length));
      counts.set(span, (counts.get(span) ?? 0) + 1);
    }
  } finally {
    await client.connection.close();
  }
  return counts;
}

test('a file that is stopped has a transcript of what is done; restarted, it redoes only what was unfinished', async () => {
  const audio = noise('to be stopped', 60_000);
  await postFile(system, wav(audio), '?session=calm');
  await postFile(system, wav(audio), '?session=stopped');
  await untilSo('some spans are done', async () => ((await shown('stopped')).spans?.done ?? 0) >= 3);
  await ask('stopped/stop');
  await untilState('stopped', 'stopped');
  const part = (await system.json('/v1/sessions/stopped/transcript')) as TranscriptDocument;
  expect(part.state).toBe('stopped');
  const { spans } = await shown('stopped');
  const done = spans?.done ?? 0;
  expect(part.segments.length).toBeGreaterThan(0);
  expect(part.holes?.length).toBeGreaterThan(0);
  await ask('stopped/restart');
  expect((await shown('stopped')).state).not.toBe('stopped');
  const whole = await finishedFile(system, 'stopped');
  const calm = await finishedFile(system, 'calm');
  expect(whole.segments.map(({ text }) => text)).toEqual(calm.segments.map(({ text }) => text));
  expect(whole).toMatchObject({ state: 'completed', holes: [] });
  await untilSo('all are listed', async () => (await begun('stopped')).size === spans?.total);
  const counts = [...(await begun('stopped')).values()];
  expect(counts.filter((count) => count === 1).length).toBeGreaterThanOrEqual(done);
  // Those that were under way when it was stopped, and no other.
  expect(counts.filter((count) => count > 1).length).toBeLessThanOrEqual(8);
  expect(Math.max(...counts)).toBe(2);
  const { sessions } = (await system.json('/v1/sessions?limit=50')) as { sessions: { id: string; state: string }[] };
  expect(sessions.filter(({ id }) => id === 'stopped')).toMatchObject([{ state: 'completed' }]);
}, 90_000);

test('stored audio is transcribed again by another model, that of a live session too; the first transcript stays', async () => {
  const caller = new Caller(system.url, { session: 'spoken', audio: noise('spoken', 4000), speed: 8 });
  await (await caller.call()).done();
  await postFile(system, wav(noise('posted', 4000)), '?session=posted');
  await finishedFile(system, 'posted');
  for (const id of ['spoken', 'posted']) {
    const first = (await system.json(`/v1/sessions/${id}/transcript`)) as TranscriptDocument;
    expect(await ask(`${id}/transcripts`, { model: 'other' })).toMatchObject({ version: 2, model: 'other' });
    const states = async (): Promise<string[]> => {
      const { transcripts } = (await system.json(`/v1/sessions/${id}/transcripts`)) as {
        transcripts: { state: string }[];
      };
      return transcripts.map(({ state }) => state);
    };
    await untilSo(`${id} has two transcripts`, async () => (await states()).join() === 'completed,completed');
    const again = (await system.json(`/v1/sessions/${id}/transcript`)) as TranscriptDocument;
    expect(again).toMatchObject({ version: 2, model: 'other', audioMs: 4000 });
    expect(again.segments.at(-1)?.endByte).toBe(first.segments.at(-1)?.endByte);
    expect(again.segments.map(({ text }) => text)).not.toEqual(first.segments.map(({ text }) => text));
    expect(await system.json(`/v1/sessions/${id}/transcript?version=1`)).toEqual(first);
  }
}, 60_000);

test('a transcript that is made again is cancelled while it waits; the first one is read as before', async () => {
  await postFile(system, wav(noise('kept', 2000)), '?session=kept');
  const first = await finishedFile(system, 'kept');
  await ask('kept/transcripts', { model: 'unserved' });
  const untilAre = (states: string): Promise<unknown> =>
    untilSo(`they are ${states}`, async () => {
      const { transcripts } = (await system.json('/v1/sessions/kept/transcripts')) as {
        transcripts: { state: string }[];
      };
      return transcripts.map(({ state }) => state).join() === states;
    });
  await untilAre('completed,queued');
  expect(await ask('kept/transcripts/2/cancel')).toMatchObject({ version: 2, model: 'unserved' });
  await untilAre('completed,cancelled');
  expect(await ask('kept/transcripts/2/cancel')).toMatchObject({ version: 2, state: 'cancelled' });
  expect(await system.json('/v1/sessions/kept/transcript')).toEqual(first);
}, 60_000);

test('when a file will end is told within a third of what is left, once it goes steadily', async () => {
  await postFile(system, wav(noise('estimated', 90_000)), '?session=estimated');
  const told: { readonly atMs: number; readonly leftMs: number; readonly progress: number }[] = [];
  await untilSo('it is completed', async () => {
    const { state, estimatedRemainingMs, progress } = await shown('estimated');
    if (estimatedRemainingMs !== null)
      told.push({ atMs: performance.now(), leftMs: estimatedRemainingMs, progress: progress ?? 0 });
    return state === 'completed';
  });
  const endMs = performance.now();
  const steady = told.filter(({ progress }) => progress >= 0.4 && progress <= 0.8);
  expect(steady.length).toBeGreaterThan(3);
  const off = steady
    .map(({ atMs, leftMs }) => Math.abs(leftMs - (endMs - atMs)) / (endMs - atMs))
    .sort((a, b) => a - b);
  expect(off[Math.floor(off.length / 2)]).toBeLessThan(0.34);
}, 60_000);
