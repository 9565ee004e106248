/** A file goes through the same allocate-stream-commit code as live audio, in spans side by side, and survives the same. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import { noise } from '../harness/caller.ts';
import { finishedFile, postFile, wav } from '../harness/files.ts';
import { System } from '../harness/system.ts';

const AUDIO = noise('file', 40_000);

let system: System;
beforeAll(async () => {
  system = await System.start({
    // Slow enough that a file is still under way when something is killed.
    models: {
      en: { engine: 'scripted', segmentMs: 400, realTimeFactor: 0.1 },
      slow: { engine: 'scripted', segmentMs: 400, realTimeFactor: 1 },
    },
    workers: 2,
    settings: { LONGHAND_SPAN_MS: '5000', LONGHAND_SLOTS: '2', LONGHAND_WORKER_SILENCE_MS: '5000' },
  });
}, 120_000);
afterAll(() => system.stop(), 30_000);

function expectCovered({ segments, audioMs }: TranscriptDocument): void {
  const ends = segments.map(({ endByte }) => endByte);
  expect(segments.map(({ startByte }) => startByte)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBe(AUDIO.length);
  expect(segments.map(({ index }) => index)).toEqual(segments.map((_segment, index) => index));
  expect(audioMs).toBe(40_000);
}

const textsOf = ({ segments }: TranscriptDocument): string[] => segments.map(({ text }) => text);

test('every byte of a file is in one segment, in order, and every format of the transcript is there', async () => {
  const { status, body } = await postFile(system, wav(AUDIO), '?session=whole&filename=talk.wav');
  expect(status).toBe(202);
  expect(body).toMatchObject({ id: 'whole', kind: 'file' });
  const transcript = await finishedFile(system, 'whole');
  expectCovered(transcript);
  const session = (await system.json('/v1/sessions/whole')) as {
    progress: number;
    spans: { done: number; total: number };
  };
  expect(session.progress).toBe(1);
  expect(session.spans.total).toBeGreaterThan(5);
  for (const [format, start] of [
    ['txt', /^\w/],
    ['srt', /^1\r?\n00:00:00,000 --> /],
    ['vtt', /^WEBVTT/],
  ] as const) {
    const answer = await fetch(`${system.httpUrl}/v1/sessions/whole/transcript?format=${format}`);
    expect(await answer.text()).toMatch(start);
  }
});

test('workers killed and the orchestrator killed in the middle: the same transcript', async () => {
  const calm = await finishedFile(system, 'whole');
  await postFile(system, wav(AUDIO), '?session=disturbed');
  await untilSomeSpansAreDone('disturbed');
  const [first] = system.workers;
  await first?.kill();
  await system.orchestrator.kill();
  await system.orchestrator.start();
  await system.addWorker();
  const transcript = await finishedFile(system, 'disturbed');
  expectCovered(transcript);
  expect(textsOf(transcript)).toEqual(textsOf(calm));
});

test('a gateway killed in the middle: the file goes on', async () => {
  const calm = await finishedFile(system, 'whole');
  await postFile(system, wav(AUDIO), '?session=without-gateway');
  await untilSomeSpansAreDone('without-gateway');
  await system.gateway.kill();
  await system.restartGateway();
  expect(textsOf(await finishedFile(system, 'without-gateway'))).toEqual(textsOf(calm));
});

test('a form with its fields after the file is taken, and an id that exists is refused', async () => {
  const form = new FormData();
  form.append('file', new Blob([wav(noise('form', 1000))]), '../../x.wav');
  form.append('session', 'from-a-form');
  form.append('priority', 'high');
  const { status, body } = await postFile(system, form);
  expect(status).toBe(202);
  expect(body).toMatchObject({ id: 'from-a-form', priority: 'high' });
  expect((await finishedFile(system, 'from-a-form')).audioMs).toBe(1000);
  const again = await postFile(system, wav(noise('form', 1000)), '?session=from-a-form');
  expect(again).toMatchObject({ status: 409, body: { code: 'session_exists' } });
});

test('a file that is cancelled stops, gives its slots back, and says so', async () => {
  await postFile(system, wav(noise('cancelled', 120_000)), '?session=cancelled');
  await untilSomeSpansAreDone('cancelled');
  expect((await fetch(`${system.httpUrl}/v1/sessions/cancelled/cancel`, { method: 'POST' })).status).toBe(202);
  await until('/v1/sessions/cancelled', (session) => session['state'] === 'cancelled');
  await until('/v1/workers', ({ workers }) =>
    (workers as { sessions: string[] }[]).every(({ sessions }) => sessions.length === 0),
  );
  const { state, segments, holes, audioMs } = (await system.json(
    '/v1/sessions/cancelled/transcript',
  )) as TranscriptDocument;
  expect({ state, audioMs }).toEqual({ state: 'cancelled', audioMs: 120_000 });
  expect(segments.length).toBeGreaterThan(0);
  expect(holes?.at(-1)?.endMs).toBe(120_000);
});

test('a tone without a word is a transcript without segments', async () => {
  await postFile(system, wav(Buffer.alloc(64)), '?session=tiny');
  expect((await finishedFile(system, 'tiny')).segments.length).toBeLessThanOrEqual(1);
});

test('sessions are listed newest first, by pages', async () => {
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const page = (await system.json(`/v1/sessions?limit=2${query}`)) as {
      sessions: { id: string; kind: string }[];
      nextCursor: string | null;
    };
    expect(page.sessions.length).toBeLessThanOrEqual(2);
    seen.push(...page.sessions.map(({ id }) => id));
    cursor = page.nextCursor;
  }
  expect(seen).toEqual(['tiny', 'cancelled', 'from-a-form', 'without-gateway', 'disturbed', 'whole']);
});

const untilSomeSpansAreDone = (id: string): Promise<void> =>
  until(`/v1/sessions/${id}`, ({ spans }) => ((spans as { done: number } | null)?.done ?? 0) > 0);

async function until(path: string, test: (answer: Record<string, unknown>) => boolean): Promise<void> {
  while (!test((await system.json(path)) as Record<string, unknown>)) await pause(20);
}

describe('a file of one span, in its own workflow', () => {
  const short = AUDIO.subarray(0, 32 * 6000);

  /** Waits until something of it is committed, and it goes on. */
  async function begun(id: string): Promise<string> {
    await postFile(system, wav(short), `?session=${id}&model=slow`);
    for (;;) {
      const { state, segments, lease } = (await system.json(`/v1/sessions/${id}`)) as {
        state: string;
        segments: number;
        lease: { workerId: string } | null;
      };
      if (state === 'completed') throw new Error('too late');
      if (segments > 0 && lease !== null) return lease.workerId;
      await pause(50);
    }
  }

  let calm: TranscriptDocument;
  beforeAll(async () => {
    await system.addWorker({ LONGHAND_MODEL: 'slow' });
    await postFile(system, wav(short), '?session=short&model=slow');
    calm = await finishedFile(system, 'short');
    expect(calm.segments.length).toBe(15);
    const { spans } = (await system.json('/v1/sessions/short')) as { spans: { total: number } };
    expect(spans.total).toBe(1);
  }, 60_000);

  test('is shown from its result, while there is no orchestrator', async () => {
    const shown = await system.json('/v1/sessions/short');
    expect(shown).toMatchObject({ state: 'completed', progress: 1, segments: 15, lease: null });
    await system.orchestrator.kill();
    try {
      expect(await system.json('/v1/sessions/short')).toEqual(shown);
    } finally {
      await system.orchestrator.start();
    }
  });

  test('goes on from its last commit when its worker is killed', async () => {
    await begun('short-worker');
    await system.workers.at(-1)?.kill();
    await system.addWorker({ LONGHAND_MODEL: 'slow' });
    expect(textsOf(await finishedFile(system, 'short-worker'))).toEqual(textsOf(calm));
    const { epoch } = (await system.json('/v1/sessions/short-worker')) as { epoch: number };
    expect(epoch).toBe(2);
  });

  test('goes on when the orchestrator is killed, with the worker it has', async () => {
    await begun('short-orchestrator');
    await system.orchestrator.kill();
    await system.orchestrator.start();
    expect(textsOf(await finishedFile(system, 'short-orchestrator'))).toEqual(textsOf(calm));
  });

  test('goes on when the gateway is killed', async () => {
    await begun('short-gateway');
    await system.gateway.kill();
    await system.restartGateway();
    expect(textsOf(await finishedFile(system, 'short-gateway'))).toEqual(textsOf(calm));
  });
});
