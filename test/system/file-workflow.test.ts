/** A file's workflow as it is, on a Temporal server, between hand-made activities. */
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { lanesWorkflowId, SIGNAL, spanWorkflowId, UPDATE, WORKFLOW } from '../../workflows/contract.ts';
import type { FileInput, FileResult, ProbedAnswer, VersionInput } from '../../workflows/contract.ts';
import { commitOne, done, fileInput, planOf, resultOf, SECOND } from '../harness/file-stage.ts';
import { delivered, target } from '../harness/webhook-messages.ts';
import { staged } from '../harness/staged.ts';
import { untilAborted } from '../harness/workflow-stage.ts';
import type { Cast, Stage } from '../harness/workflow-stage.ts';
import { segment } from '../workflows/session/given.ts';

const on = staged('the file workflow on a server whose time can be skipped', 'f');

const probed = (handle: WorkflowHandle): Promise<ProbedAnswer> => handle.executeUpdate<ProbedAnswer, []>(UPDATE.probed);

/** Counts how many streams run at once. */
function counted(stream: Cast['stream']): { stream: Cast['stream']; most: () => number } {
  let running = 0;
  let most = 0;
  return {
    most: () => most,
    stream: async (args, cancelled) => {
      running += 1;
      most = Math.max(most, running);
      try {
        return await stream(args, cancelled);
      } finally {
        running -= 1;
      }
    },
  };
}

describe('a file', () => {
  on('is cut into spans that run side by side, as many as allowed, and joined', async (here, cast) => {
    const { stream, most } = counted(commitOne(here));
    cast.decoded = { ok: true, plan: planOf(5) };
    cast.stream = stream;
    const handle = await here.startFile(fileInput(cast, { bounds: { maxParallelSpans: 2 } }));
    expect(await probed(handle)).toMatchObject({
      ok: true,
      view: { state: 'streaming', spans: { done: 0, total: 5 } },
    });
    expect(await resultOf(handle)).toEqual({
      state: 'completed',
      reason: null,
      detail: null,
      segments: 5,
      audioMs: 5000,
      view: await here.view(handle),
    });
    expect(most()).toBe(2);
    expect(cast.streams.map(({ fromByte }) => fromByte).sort((a, b) => a - b)).toEqual([
      0, 32_000, 64_000, 96_000, 128_000,
    ]);
    for (const { kind, gateway } of cast.streams) expect({ kind, gateway }).toEqual({ kind: 'span', gateway: null });
    expect(cast.transcripts.map(({ span }) => span).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(cast.finishes).toMatchObject([
      { done: { next: 5, open: [] }, holes: [], uploadId: 'u', meta: { audioMs: 5000, state: 'completed' } },
    ]);
    expect(cast.allocations.every(({ priority }) => priority !== undefined && priority >= 4)).toBe(true);
    expect(await here.view(handle)).toMatchObject({
      state: 'completed',
      spans: { done: 5, total: 5 },
      throughByte: 160_000,
      pace: { share: 1 },
    });
  });

  on('of one span takes no lane, and is written in the tasks of its workflows', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(1) };
    cast.stream = commitOne(here);
    const handle = await here.startFile(fileInput(cast, { bounds: { inPlace: true, maxTenantSpans: 1 } }));
    expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 1, audioMs: 1000 });
    expect(cast.transcripts).toMatchObject([{ span: 0 }]);
    expect(cast.finishes).toMatchObject([{ done: { next: 1, open: [] }, uploadId: 'u' }]);
    expect(await here.activitiesOf(handle)).toEqual(['prepareFile']);
    const { ref } = fileInput(cast);
    const span = here.client.workflow.getHandle(spanWorkflowId(ref, 0));
    expect(await here.activitiesOf(span)).toEqual(['allocateWorker', 'streamChunks']);
    await expect(here.client.workflow.getHandle(lanesWorkflowId(ref.tenant)).describe()).rejects.toThrow(/not found/);
  });

  describe('of one span, in one workflow', () => {
    const bounds = { inPlace: true, lean: true, maxTenantSpans: 1, heartbeatTimeoutMs: 60_000 } as const;
    /** Gives its segment with its end. */
    const endingWith: Cast['stream'] = ({ fromByte, toByte, lean }) => {
      expect(lean).toBe(true);
      const commit = { segments: [segment(0, `from ${fromByte}`)], throughByte: toByte ?? 0 };
      return Promise.resolve({ ...done, throughByte: toByte ?? 0, commit });
    };

    on('asks for two activities, and has no child', async (here, cast) => {
      cast.plain = planOf(1);
      cast.stream = endingWith;
      const handle = await here.startFile(fileInput(cast, { bounds }));
      expect(await probed(handle)).toMatchObject({ ok: true });
      expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 1, audioMs: 1000 });
      expect(await here.activitiesOf(handle)).toEqual(['allocateWorker', 'streamChunks']);
      expect(cast.streams).toMatchObject([{ workflowId: handle.workflowId, kind: 'span' }]);
      expect(cast.transcripts).toMatchObject([{ span: 0, tail: [{ index: 0 }], segmentCount: 1 }]);
      expect(cast.wholes).toMatchObject([{ uploadId: 'u', meta: { state: 'completed', audioMs: 1000 } }]);
      expect(cast.finishes).toEqual([]);
      const { events } = await handle.fetchHistory();
      expect(events?.some((event) => event.startChildWorkflowExecutionInitiatedEventAttributes)).toBe(false);
      // Who dies before it has dialled is missed by this alone.
      const asked = events?.flatMap(
        ({ activityTaskScheduledEventAttributes: it }) => it?.heartbeatTimeout?.seconds ?? [],
      );
      expect(asked?.map(Number)).toEqual([0, 12]);
    });

    on('is decoded by an activity where it needs that', async (here, cast) => {
      cast.decoded = { ok: true, plan: planOf(1) };
      cast.stream = endingWith;
      const handle = await here.startFile(fileInput(cast, { bounds }));
      expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 1 });
      expect(await here.activitiesOf(handle)).toEqual(['prepareFile', 'allocateWorker', 'streamChunks']);
    });

    on('is written by activities where that cannot be done at once', async (here, cast) => {
      cast.plain = planOf(1);
      cast.stream = endingWith;
      let writes = 0;
      cast.writing = () => ((writes += 1) === 1 ? Promise.reject(new Error('storage is away')) : Promise.resolve());
      const handle = await here.startFile(fileInput(cast, { bounds }));
      expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 1 });
      expect(await here.activitiesOf(handle)).toEqual(['allocateWorker', 'streamChunks', 'writeTranscript']);
      expect(cast.finishes).toMatchObject([{ done: { next: 1, open: [] }, uploadId: 'u' }]);
    });

    on('is listed as what it is: while it is decoded, waits, has a worker, and after that', async (here, cast) => {
      const listed = async (): Promise<unknown[]> => {
        const { typedSearchAttributes } = await handle.describe();
        const values = new Map(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
        return [values.get('LonghandState'), values.get('LonghandWorker')];
      };
      const [decoding, granting, streaming] = [1, 2, 3].map(() => Promise.withResolvers<null>());
      cast.decoded = { ok: true, plan: planOf(1) };
      cast.probing = decoding?.promise ?? Promise.reject(new Error('nothing'));
      cast.granting = () => granting?.promise ?? Promise.resolve();
      cast.stream = async (args, cancelled) => {
        await streaming?.promise;
        return endingWith(args, cancelled);
      };
      const handle = await here.startFile(fileInput(cast, { bounds }));
      await cast.preparing();
      expect(await listed()).toEqual(['preparing', undefined]);
      decoding?.resolve(null);
      await probed(handle);
      expect(await listed()).toEqual(['queued', undefined]);
      granting?.resolve(null);
      await cast.begun(1);
      expect(await listed()).toEqual(['streaming', 'w']);
      streaming?.resolve(null);
      await handle.result();
      expect(await listed()).toEqual(['completed', undefined]);
    });

    on('has its holes transcribed again, alone', async (here, cast) => {
      cast.plain = planOf(1);
      cast.holes.push([{ fromByte: 100, toByte: 9000 }]);
      cast.stream = endingWith;
      const handle = await here.startFile(fileInput(cast, { bounds }));
      expect(await resultOf(handle)).toMatchObject({ state: 'completed' });
      expect(cast.streams.slice(1)).toMatchObject([{ fromByte: 100, toByte: 9000 }]);
      expect(cast.finishes).toMatchObject([{ repairs: { firstSpan: 1, spans: 1 }, holes: [] }]);
    });

    on('is shown as queued until it has a worker', async (here, cast) => {
      cast.plain = planOf(1);
      const grants = Promise.withResolvers<null>();
      cast.granting = () => grants.promise;
      const handle = await here.startFile(fileInput(cast, { bounds }));
      await probed(handle);
      expect(await here.view(handle)).toMatchObject({ state: 'queued', lease: null, spans: { done: 0, total: 1 } });
      grants.resolve(null);
      await cast.begun(1);
      expect(await here.view(handle)).toMatchObject({ state: 'streaming', lease: { workerId: 'w' }, epoch: 1 });
      await here.commit(handle.workflowId, { epoch: 1, segments: [segment(0)], throughByte: 320 });
      expect(await here.view(handle)).toMatchObject({ nextIndex: 1, throughByte: 320 });
      await handle.signal(SIGNAL.cancel);
      expect(await resultOf(handle)).toMatchObject({ state: 'cancelled', segments: 0 });
      expect(await here.view(handle)).toMatchObject({ state: 'cancelled', lease: null, nextIndex: 0, throughByte: 0 });
    });

    on('goes to another worker when one is lost, from what is committed on', async (here, cast) => {
      const committed = Promise.withResolvers<null>();
      cast.plain = planOf(1);
      cast.stream = async ({ workflowId, lease, toByte }, cancelled) => {
        if (lease.epoch > 1) {
          const commit = { segments: [segment(1)], throughByte: toByte ?? 0 };
          return { ...done, throughByte: toByte ?? 0, commit };
        }
        await here.commit(workflowId, { epoch: 1, segments: [segment(0)], throughByte: 320 });
        committed.resolve(null);
        return untilAborted(cancelled);
      };
      const handle = await here.startFile(fileInput(cast, { bounds }));
      await cast.begun(1);
      await committed.promise;
      await handle.signal(SIGNAL.workerLost, { epoch: 1, why: 'it hangs' });
      expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 2 });
      expect(cast.streams[1]).toMatchObject({ fromByte: 320, nextIndex: 1, lease: { epoch: 2 } });
      const late = here.commit(handle.workflowId, { epoch: 1, segments: [segment(1)], throughByte: 400 });
      await expect(late).rejects.toThrow();
    });

    on('crosses continue-as-new in the middle, with its lease', async (here, cast) => {
      cast.plain = planOf(1);
      let told = 0;
      cast.stream = async ({ workflowId, lease, nextIndex, toByte }) => {
        for (let index = nextIndex; index < 6; index += 1) {
          const throughByte = (index + 1) * 320;
          const commit = { epoch: lease.epoch, segments: [segment(index)], throughByte };
          told += 1;
          if ((await here.commit(workflowId, commit)).rotate) return { why: 'rotate', detail: null };
        }
        return { ...done, throughByte: toByte ?? 0, commit: { segments: [segment(6)], throughByte: toByte ?? 0 } };
      };
      const handle = await here.startFile(fileInput(cast, { bounds: { ...bounds, rotateAfterEvents: 20 } }));
      expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 7 });
      expect((await here.runs(handle)).length).toBeGreaterThan(1);
      expect(told).toBe(6);
      expect(new Set(cast.streams.map(({ lease }) => lease.leaseId)).size).toBe(1);
      expect(cast.allocations.length).toBe(1);
    });
  });

  on('of one span is written by activities where that cannot be done at once', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(1) };
    cast.stream = commitOne(here);
    let writes = 0;
    cast.writing = () => ((writes += 1) === 1 ? Promise.reject(new Error('storage is away')) : Promise.resolve());
    const handle = await here.startFile(fileInput(cast, { bounds: { inPlace: true } }));
    expect(await resultOf(handle)).toMatchObject({ state: 'completed' });
    const span = here.client.workflow.getHandle(spanWorkflowId(fileInput(cast).ref, 0));
    expect(await here.activitiesOf(span)).toEqual(['allocateWorker', 'streamChunks', 'writeTranscript']);
    expect(writes).toBe(2);
  });

  on('that the decoder refuses is failed with its reason, and whoever waits is told', async (here, cast) => {
    cast.decoded = { ok: false, reason: 'unsupported_audio', detail: 'a picture' };
    const handle = await here.startFile(fileInput(cast));
    expect(await probed(handle)).toEqual(cast.decoded);
    const { ok, ...reason } = cast.decoded;
    expect(await resultOf(handle)).toMatchObject({ state: 'failed', ...reason, segments: 0 });
    expect([ok, cast.streams]).toEqual([false, []]);
  });

  on('that is large is looked at before it is decoded', async (here, cast) => {
    cast.probe = { ok: false, reason: 'too_long', detail: 'a year' };
    const handle = await here.startFile(fileInput(cast, { uploadBytes: 1 << 30 }));
    expect(await probed(handle)).toEqual(cast.probe);
    expect(await resultOf(handle)).toMatchObject({ state: 'failed', reason: 'too_long' });
    expect(cast.prepared).toEqual([]);
  });

  on('one of whose spans fails is failed for its reason, and begins no other', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(4) };
    cast.stream = ({ fromByte }) => Promise.resolve(fromByte === 0 ? { why: 'engineFailed', detail: null } : done);
    const handle = await here.startFile(fileInput(cast, { bounds: { maxParallelSpans: 1 } }));
    expect(await resultOf(handle)).toMatchObject({ state: 'failed', reason: 'engine_failed' });
    expect(cast.streams.every(({ fromByte }) => fromByte === 0)).toBe(true);
    expect(cast.finishes).toEqual([]);
    expect(await here.view(handle)).toMatchObject({ state: 'failed', reason: 'engine_failed' });
  });

  on('one of whose spans cannot be written is failed, without saying more than it may', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(1) };
    cast.stream = () => Promise.resolve(done);
    cast.writing = () => Promise.reject(ApplicationFailure.nonRetryable('secret of the disk'));
    const result = await resultOf(await here.startFile(fileInput(cast)));
    expect(result).toMatchObject({ state: 'failed', reason: 'session_failed' });
    expect(result.detail).not.toContain('secret');
  });

  on('one of whose spans is damaged in storage is failed as storage_corruption', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(1) };
    cast.stream = () => Promise.resolve({ why: 'audioDamaged', detail: null });
    const result = await resultOf(await here.startFile(fileInput(cast)));
    expect(result).toMatchObject({ state: 'failed', reason: 'storage_corruption' });
    expect(cast.finishes).toEqual([]);
  });

  on('that is cancelled ends its spans too, one with a checkpoint under way', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(2) };
    cast.checkpointing = new Promise(() => undefined);
    cast.stream = async ({ workflowId, lease }, cancelled) => {
      await here.commit(workflowId, { epoch: lease.epoch, segments: [segment(0)], throughByte: 10 });
      return untilAborted(cancelled);
    };
    const handle = await here.startFile(fileInput(cast, { bounds: { checkpointEverySegments: 1 } }));
    await cast.begun(2);
    await handle.signal(SIGNAL.cancel);
    expect(await resultOf(handle)).toMatchObject({ state: 'cancelled', reason: null });
    for (const { workflowId } of cast.streams) {
      const span = here.client.workflow.getHandle(workflowId);
      await span.result().catch(() => undefined);
      expect((await span.describe()).status.name).not.toBe('RUNNING');
    }
  });

  on('of two channels has spans of each, and of the longer one its length', async (here, cast) => {
    cast.decoded = {
      ok: true,
      plan: {
        cuts: [
          [0, SECOND],
          [0, SECOND, 2 * SECOND],
        ],
      },
    };
    cast.stream = commitOne(here);
    const handle = await here.startFile(fileInput(cast, { channels: 'separate' }));
    expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 3, audioMs: 2000 });
    expect(cast.prepared).toMatchObject([{ channels: 'separate' }]);
    const streamed = cast.streams.map(({ channel = 0, fromByte }) => `${channel} ${fromByte}`);
    expect(streamed.sort()).toEqual(['0 0', '1 0', '1 32000']);
    expect(cast.finishes).toMatchObject([{ meta: { channels: 2 } }]);
    expect(await here.view(handle)).toMatchObject({ channels: 2, throughByte: 2 * SECOND, audioEndByte: 2 * SECOND });
  });

  on('with many spans crosses continue-as-new: each is transcribed once, and few at a time', async (here, cast) => {
    const { stream, most } = counted(commitOne(here));
    cast.decoded = { ok: true, plan: planOf(60) };
    cast.stream = stream;
    const bounds = { rotateAfterEvents: 30, maxParallelSpans: 3, maxTenantSpans: 10 };
    const handle = await here.startFile(fileInput(cast, { bounds }));
    expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 60 });
    expect(cast.streams.map(({ fromByte }) => fromByte / SECOND).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
    expect(most()).toBeLessThanOrEqual(3);
    expect(cast.prepared).toHaveLength(1);
    const runs = await here.runs(handle);
    expect(runs.length).toBeGreaterThan(2);
    for (const { events } of runs) expect(events).toBeLessThan(220);
  });
});

describe('a file that is stopped', () => {
  /** Stops a file of four spans once two of them are finished and the third has begun. */
  async function stopped(
    here: Stage,
    cast: Cast,
    signal = SIGNAL.stop as string,
    changes: Partial<Pick<FileInput, 'webhook'>> = {},
  ): Promise<FileResult> {
    cast.decoded = { ok: true, plan: planOf(4) };
    const commit = commitOne(here);
    cast.stream = (args, cancelled) =>
      args.fromByte >= 2 * SECOND ? untilAborted(cancelled) : commit(args, cancelled);
    const handle = await here.startFile(fileInput(cast, { ...changes, bounds: { maxParallelSpans: 1 } }));
    await cast.begun(3);
    await handle.signal(signal);
    return resultOf(handle);
  }

  on('says so, and has a transcript of what is done, which names what is not', async (here, cast) => {
    expect(await stopped(here, cast)).toMatchObject({ state: 'stopped', reason: null, segments: 2 });
    expect(cast.finishes).toMatchObject([
      {
        done: { next: 2, open: [] },
        holes: [{ channel: 0, fromByte: 2 * SECOND, toByte: 4 * SECOND }],
        meta: { state: 'stopped' },
        uploadId: 'u',
      },
    ]);
  });

  on('goes on: what is finished is not transcribed again, and workers of before are fenced', async (here, cast) => {
    await stopped(here, cast);
    const before = cast.streams.length;
    cast.stream = commitOne(here);
    cast.found = { done: { next: 2, open: [] }, bytes: 2 * SECOND, segments: 2, holes: [] };
    cast.transcripts.length = 0;
    const handle = await here.startFile(fileInput(cast, { restarts: 1 }));
    expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 4, audioMs: 4000 });
    const again = cast.streams.slice(before);
    expect(again.map(({ fromByte }) => fromByte).sort((a, b) => a - b)).toEqual([2 * SECOND, 3 * SECOND]);
    for (const { lease } of again) expect(lease.epoch).toBeGreaterThan(1_000_000);
    expect(cast.finishes.at(-1)).toMatchObject({
      done: { next: 4, open: [] },
      meta: { state: 'completed' },
      holes: [],
    });
    expect(await here.view(handle)).toMatchObject({ spans: { done: 4, total: 4 }, pace: { share: 0.5 } });
  });

  on('tells nobody, for it may go on; once it has gone on to its end it tells so', async (here, cast) => {
    const webhook = target('r');
    expect(await stopped(here, cast, SIGNAL.stop, { webhook })).toMatchObject({ state: 'stopped' });
    cast.stream = commitOne(here);
    cast.found = { done: { next: 2, open: [] }, bytes: 2 * SECOND, segments: 2, holes: [] };
    await resultOf(await here.startFile(fileInput(cast, { restarts: 1, webhook })));
    const [first, ...more] = await delivered(cast, 1);
    expect(first?.event).toMatchObject({ type: 'session.completed' });
    expect(more).toEqual([]);
  });

  on('by a cancellation is cancelled, with its transcript', async (here, cast) => {
    expect(await stopped(here, cast, SIGNAL.cancel)).toMatchObject({ state: 'cancelled', segments: 2 });
    expect(cast.finishes).toMatchObject([{ done: { next: 2, open: [] }, meta: { state: 'cancelled' } }]);
  });

  on('from Temporal’s own UI is cancelled, with its transcript', async (here, cast) => {
    cast.decoded = { ok: true, plan: planOf(2) };
    const handle = await here.startFile(fileInput(cast, { bounds: { maxTenantSpans: 10 } }));
    await cast.begun(2);
    await handle.cancel();
    expect(await resultOf(handle)).toMatchObject({ state: 'cancelled' });
    expect(cast.finishes).toMatchObject([{ done: { next: 0, open: [] }, meta: { state: 'cancelled' } }]);
  });

  on('while it is decoded keeps its upload, and whoever waits for the verdict is told', async (here, cast) => {
    cast.probing = new Promise(() => undefined);
    const handle = await here.startFile(fileInput(cast));
    const verdict = probed(handle);
    await cast.preparing();
    await handle.signal(SIGNAL.stop);
    expect(await verdict).toMatchObject({ ok: false, reason: 'stopped' });
    expect(await resultOf(handle)).toMatchObject({ state: 'stopped', segments: 0, audioMs: 0 });
    expect(cast.finishes).toMatchObject([{ uploadId: null, meta: { state: 'stopped' } }]);
  });
});

describe('the files of one tenant', () => {
  const bounds = { maxTenantSpans: 3, maxParallelSpans: 2 };

  on('together run as many spans as the tenant may, and all of them end', async (here, cast) => {
    const casts = [cast, here.cast(`${cast.id}-b`), here.cast(`${cast.id}-c`), here.cast(`${cast.id}-d`)];
    const asMany = Promise.withResolvers<undefined>();
    const commit = commitOne(here);
    const { stream, most } = counted(async (args, cancelled) => {
      if (most() === 3) asMany.resolve(undefined);
      await asMany.promise;
      return commit(args, cancelled);
    });
    const ref = (id: string) => ({ tenant: 'shared', id });
    const handles = await Promise.all(
      casts.map((each) => {
        each.decoded = { ok: true, plan: planOf(4) };
        each.stream = stream;
        return here.startFile(fileInput(each, { bounds, ref: ref(each.id) }));
      }),
    );
    for (const handle of handles) expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 4 });
    expect(most()).toBe(3);
  });

  on('find lanes again where whoever shared them out was terminated', async (here, cast) => {
    const of = { ref: { tenant: 'again', id: cast.id }, bounds };
    await here.client.workflow.start(WORKFLOW.lanes, {
      taskQueue: 'orchestrator',
      workflowId: lanesWorkflowId('again'),
      args: ['again'],
    });
    await here.client.workflow.getHandle(lanesWorkflowId('again')).terminate();
    cast.decoded = { ok: true, plan: planOf(3) };
    cast.stream = commitOne(here);
    expect(await resultOf(await here.startFile(fileInput(cast, of)))).toMatchObject({ state: 'completed' });
  });
});

on('a version transcribes stored audio again, under a name of its own', async (here, cast) => {
  cast.decoded = { ok: true, plan: planOf(2) };
  cast.stream = commitOne(here);
  const { ref, bounds, language, priority, weight } = fileInput(cast);
  const input: VersionInput = { kind: 'version', version: 2, ref, bounds, model: 'en', language, priority, weight };
  const handle = await here.client.workflow.start(WORKFLOW.version, {
    workflowId: `session/t/${cast.id}/version/2`,
    taskQueue: 'orchestrator',
    args: [input],
  });
  expect(await resultOf(handle)).toMatchObject({ state: 'completed', segments: 2, audioMs: 2000 });
  expect(cast.streams.map(({ workflowId }) => workflowId).sort()).toEqual([
    `session/t/${cast.id}/version/2/span/0`,
    `session/t/${cast.id}/version/2/span/1`,
  ]);
  expect(cast.transcripts.every(({ version }) => version === 2)).toBe(true);
  expect(cast.finishes).toMatchObject([{ version: 2, uploadId: null, meta: { version: 2 } }]);
});
