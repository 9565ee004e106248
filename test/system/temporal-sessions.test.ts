/** The gateway's one way to the workflows, against a Temporal server: what it answers, and how it fails. */
import { Failure } from '../../gateway/failures.ts';
import { TemporalSessions } from '../../gateway/temporal/sessions.ts';
import type { FileInput, LiveInput } from '../../workflows/contract.ts';
import { Stage } from '../harness/workflow-stage.ts';
import type { Cast } from '../harness/workflow-stage.ts';
import { attach, live, segment } from '../workflows/session/given.ts';

let stage: Stage | null = null;
beforeAll(async () => {
  stage = await Stage.open('the gateway’s sessions on a Temporal server');
}, 120_000);
afterAll(() => stage?.close(), 30_000);

interface Setup {
  readonly here: Stage;
  readonly sessions: TemporalSessions;
  readonly cast: Cast;
  readonly input: LiveInput;
  readonly file: FileInput;
}

let names = 0;
const on = (title: string, play: (setup: Setup) => Promise<void>): void =>
  test(
    title,
    async () => {
      // That it does not run was said when the server was not to be had.
      if (stage === null) return;
      names += 1;
      const cast = stage.cast(`s${names}`);
      const { audio, kind, ...spec } = live;
      const ref = { tenant: 't', id: cast.id };
      await play({
        here: stage,
        sessions: new TemporalSessions(stage.client, 5000),
        cast,
        input: { ...spec, kind, audio, ref },
        file: { ...spec, ref, kind: 'file', fileName: 'a.wav', uploadId: 'u', uploadBytes: 1 },
      });
    },
    60_000,
  );

const typeOf = (error: unknown): unknown => (error instanceof Failure ? error.type : error);
const failing = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'no failure', typeOf);

on('an attach starts a session, or takes up the one that runs', async ({ sessions, cast, input }) => {
  expect(await sessions.attach(input, attach('c1'))).toMatchObject({ generation: 1, nextIndex: 0, audioEndByte: null });
  await cast.begun(1);
  expect(await sessions.attach(input, attach('c2'))).toMatchObject({ generation: 2 });
  await sessions.finishAudio(input.ref, 320);
  expect(await sessions.attach(input, attach('c3'))).toMatchObject({ generation: 3, audioEndByte: 320 });
  await sessions.cancel(input.ref);
  await sessions.result(input.ref, AbortSignal.timeout(10_000));
});

on(
  'an attach to a session that has ended answers with its result; late signals are no fault',
  async ({ here, sessions, cast, input }) => {
    await sessions.attach(input, attach('c1'));
    const { workflowId } = await cast.begun(1);
    await here.commit(workflowId, { epoch: 1, segments: [segment(0)], throughByte: 32_000 });
    await sessions.cancel(input.ref);
    const ended = await sessions.result(input.ref, AbortSignal.timeout(10_000));
    expect(ended).toMatchObject({ state: 'cancelled', segments: 1 });
    expect(await sessions.attach(input, attach('c2'))).toEqual({ ended });
    await sessions.detach(input.ref, 'c1');
    await sessions.finishAudio(input.ref, 1);
    await sessions.workerLost(workflowId, 1, 'late');
    expect(await sessions.view(input.ref)).toMatchObject({ state: 'cancelled', lease: null });
    expect(await sessions.segments(input.ref, 0)).toMatchObject({ segments: [{ index: 0 }] });
  },
);

on('an attach with another format is refused as such', async ({ sessions, input }) => {
  await sessions.attach(input, attach('c1'));
  const other = { ...attach('c2'), audio: { ...live.audio, sampleRate: 8000 } };
  expect(await failing(sessions.attach(input, other))).toBe('format_changed');
  await sessions.cancel(input.ref);
});

on('a session that is not there is not found', async ({ sessions, input }) => {
  expect(await failing(sessions.view(input.ref))).toBe('not_found');
  expect(await failing(sessions.segments(input.ref, 0))).toBe('not_found');
  expect(await failing(sessions.cancel(input.ref))).toBe('not_found');
  expect(await failing(sessions.result(input.ref, AbortSignal.timeout(5000)))).toBe('not_found');
});

on('a file is started once, and its verdict is had', async ({ sessions, cast, file }) => {
  // A small file is looked at and decoded in one step.
  const verdict = { ok: false, reason: 'empty_audio', detail: 'nothing in it' } as const;
  cast.decoded = verdict;
  await sessions.startFile(file);
  expect(await failing(sessions.startFile(file))).toBe('session_exists');
  expect(await sessions.probed(file.ref, 5000)).toEqual(verdict);
  expect(await sessions.result(file.ref, AbortSignal.timeout(5000))).toMatchObject({ reason: 'empty_audio' });
  expect(await failing(sessions.startFile(file))).toBe('session_exists');
});

on('a file is started and its verdict had in one call', async ({ here, sessions, cast, file }) => {
  const plain = { ...file, bounds: { ...file.bounds, inPlace: true, lean: true } as const };
  cast.plain = { cuts: [[0, 32_000]] };
  expect(await sessions.startFile(plain, 5000)).toMatchObject({ ok: true, view: { spans: { done: 0, total: 1 } } });
  expect(await failing(sessions.startFile(plain, 5000))).toBe('session_exists');
  const { workflowId } = await cast.begun(1);
  const { events = [] } = await here.client.workflow.getHandle(workflowId).fetchHistory();
  const tasks = events?.filter(({ workflowTaskCompletedEventAttributes: task }) => task) ?? [];
  // One until its worker was asked for, and one until that worker was told to stream.
  expect(tasks.length).toBe(2);
});

on('a file whose verdict takes longer is started all the same', async ({ sessions, cast, file }) => {
  const probe = Promise.withResolvers<undefined>();
  cast.probing = probe.promise;
  expect(await sessions.startFile(file, 200)).toBeNull();
  expect(await failing(sessions.startFile(file, 200))).toBe('session_exists');
  probe.resolve(undefined);
});

on('a verdict that takes longer is null', async ({ sessions, cast, file }) => {
  const probe = Promise.withResolvers<undefined>();
  cast.probing = probe.promise;
  await sessions.startFile(file);
  expect(await sessions.probed(file.ref, 200)).toBeNull();
  probe.resolve(undefined);
});

on('a live client of a file is told that the id is taken', async ({ sessions, cast, file, input }) => {
  const probe = Promise.withResolvers<undefined>();
  cast.probing = probe.promise;
  await sessions.startFile(file);
  expect(await failing(sessions.attach(input, attach('c1')))).toBe('session_exists');
  probe.resolve(undefined);
});

on('a wait for a result that is given up ends', async ({ sessions, input }) => {
  await sessions.attach(input, attach('c1'));
  const waiting = new AbortController();
  const result = sessions.result(input.ref, waiting.signal).catch(() => 'given up');
  waiting.abort();
  expect(await result).toBe('given up');
  await sessions.cancel(input.ref);
});
