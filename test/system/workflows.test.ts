/** The workflows as they are, on a Temporal server, between hand-made activities. */
import { WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { REFUSAL, SIGNAL, UPDATE } from '../../workflows/contract.ts';
import type { FileInput, LiveInput, ProbeAnswer, StreamArgs } from '../../workflows/contract.ts';
import type { StreamState } from '../../workflows/session/state.ts';
import { Stage, untilAborted } from '../harness/workflow-stage.ts';
import type { Cast } from '../harness/workflow-stage.ts';
import { attach, live, segment } from '../workflows/session/given.ts';

let stage: Stage | null = null;
beforeAll(async () => {
  stage = await Stage.open('the workflows on a server whose time can be skipped');
}, 120_000);
afterAll(() => stage?.close(), 30_000);

const liveInput = (cast: Cast, bounds: Partial<LiveInput['bounds']> = {}): LiveInput => ({
  ...live,
  ref: { tenant: 't', id: cast.id },
  bounds: { ...live.bounds, ...bounds },
});

let names = 0;
const on = (title: string, play: (here: Stage, cast: Cast) => Promise<void>): void =>
  test(
    title,
    async () => {
      // That it does not run was said when the server was not to be had.
      if (stage === null) return;
      names += 1;
      await play(stage, stage.cast(`s${names}`));
    },
    60_000,
  );

const done = { why: 'end', detail: null } as const;

/** Commits one segment after the other, up to an index; ends with `rotate` when it is told to. */
const commitUpTo =
  (here: Stage, end: number): Cast['stream'] =>
  async ({ workflowId, lease, nextIndex }) => {
    for (let index = nextIndex; index < end; index += 1) {
      const commit = { epoch: lease.epoch, segments: [segment(index)], throughByte: (index + 1) * 32_000 };
      const { rotate } = await here.commit(workflowId, commit);
      if (rotate) return { why: 'rotate', detail: null };
    }
    return done;
  };

/** Every segment that was written away, by index. */
function written(cast: Cast): Map<number, string> {
  const all = new Map<number, string>();
  const segments = [...cast.checkpoints.flatMap((it) => it.segments), ...cast.transcripts.flatMap((it) => it.tail)];
  for (const { index, text } of segments) {
    expect(all.get(index) ?? text).toBe(text);
    all.set(index, text);
  }
  return all;
}

describe('a live session', () => {
  on('crosses continue-as-new with its lease: one epoch, no gap, everything carried', async (here, cast) => {
    cast.stream = commitUpTo(here, 40);
    const handle = await here.startLive(liveInput(cast, { rotateAfterEvents: 30, checkpointEverySegments: 7 }));
    expect(await here.result(handle)).toMatchObject({ state: 'completed', segments: 40, audioMs: 40_000 });
    expect(cast.allocations).toHaveLength(1);
    expect(cast.streams.length).toBeGreaterThan(4);
    for (const { lease } of cast.streams) expect(lease).toEqual(cast.streams[0]?.lease);
    expect([...written(cast).keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i));
    const runs = await here.runs(handle);
    expect(runs).toHaveLength(cast.streams.length);
    runs.forEach(({ carried, events, taskTimeoutMs }, i) => {
      expect(taskTimeoutMs).toBe(2000);
      expect(events).toBeLessThan(60);
      const state = carried?.[1] as StreamState | undefined;
      if (state === undefined) return;
      const next = cast.streams[i + 1] as StreamArgs;
      expect(state).toMatchObject({
        phase: { name: 'streaming', lease: next.lease },
        epoch: 1,
        nextIndex: next.nextIndex,
        throughByte: next.fromByte,
        client: { connection: 'c1' },
        generation: 1,
      });
      expect(state.tail.map(({ index }) => index)).toEqual(
        Array.from({ length: state.nextIndex - state.tailFrom }, (_, n) => state.tailFrom + n),
      );
    });
  });

  on('takes what comes while it crosses: attach, detach and a repeated commit', async (here, cast) => {
    const commits = commitUpTo(here, 30);
    const input = liveInput(cast, { rotateAfterEvents: 30 });
    cast.stream = async (args, cancelled) => {
      const outcome = await commits(args, cancelled);
      if (outcome.why === 'rotate' && cast.streams.length === 2) {
        await here.attach(here.client.workflow.getHandle(args.workflowId), attach('c2', 'g1'));
      }
      return outcome;
    };
    const handle = await here.startLive(input);
    expect(await here.result(handle)).toMatchObject({ state: 'completed', segments: 30 });
    expect(await here.view(handle)).toMatchObject({ generation: 2, epoch: 1, nextIndex: 30 });
  });

  on(
    'whose worker is lost asks for another, before every new session, and goes on where it committed',
    async (here, cast) => {
      const handle = await here.startLive(liveInput(cast));
      await cast.begun(1);
      await here.commit(handle.workflowId, { epoch: 1, segments: [segment(0)], throughByte: 32_000 });
      await handle.signal(SIGNAL.workerLost, { epoch: 1, why: 'killed' });
      expect(await cast.begun(2)).toMatchObject({ lease: { epoch: 2 }, fromByte: 32_000, nextIndex: 1 });
      expect(cast.allocations.map(({ priority }) => priority)).toEqual([3, 1]);
      const late = here.commit(handle.workflowId, { epoch: 1, segments: [segment(1)], throughByte: 64_000 });
      await expect(late).rejects.toMatchObject({ cause: { type: REFUSAL.staleEpoch } });
      await handle.signal(SIGNAL.workerLost, { epoch: 1, why: 'again' });
      expect(await here.view(handle)).toMatchObject({ epoch: 2, state: 'streaming', nextIndex: 1 });
      await handle.signal(SIGNAL.cancel);
      await here.result(handle);
    },
  );

  on(
    'that costs one worker after the other, and commits nothing, ends as failed with what there is',
    async (here, cast) => {
      const lose = async ({ workflowId, lease: { epoch } }: StreamArgs): Promise<void> => {
        const handle = here.client.workflow.getHandle(workflowId);
        // The first one still got something done.
        if (epoch === 1) await here.commit(workflowId, { epoch, segments: [segment(0)], throughByte: 32_000 });
        await handle.signal(SIGNAL.workerLost, { epoch, why: 'killed' });
      };
      cast.stream = async (args) => {
        await lose(args);
        return { why: 'superseded', detail: null };
      };
      const handle = await here.startLive(liveInput(cast));
      expect(await here.result(handle)).toMatchObject({ state: 'failed', reason: 'engine_failed', segments: 1 });
      expect(cast.allocations).toHaveLength(12);
      expect(cast.transcripts).toMatchObject([{ segmentCount: 1, meta: { state: 'failed' } }]);
    },
  );

  on('that lives longer than allowed drains with its lease, though its client is there', async (here, cast) => {
    cast.stream = (args, cancelled) => (args.drain ? Promise.resolve(done) : untilAborted(cancelled));
    // Time cannot be skipped while an activity runs.
    const handle = await here.startLive(liveInput(cast, { maxSessionMs: 500 }));
    expect(await here.result(handle)).toMatchObject({ state: 'completed' });
    expect(cast.streams.map(({ drain, lease }) => ({ drain, epoch: lease.epoch }))).toEqual([
      { drain: false, epoch: 1 },
      { drain: true, epoch: 1 },
    ]);
  });

  on('is cancelled at once: its stream is told, what is committed is written', async (here, cast) => {
    const told = Promise.withResolvers<undefined>();
    cast.stream = async (_args, cancelled) => {
      const outcome = await untilAborted(cancelled);
      told.resolve(undefined);
      return outcome;
    };
    const handle = await here.startLive(liveInput(cast));
    await cast.begun(1);
    await here.commit(handle.workflowId, { epoch: 1, segments: [segment(0)], throughByte: 32_000 });
    await handle.signal(SIGNAL.cancel);
    expect(await here.result(handle)).toEqual({
      state: 'cancelled',
      reason: null,
      detail: null,
      segments: 1,
      audioMs: 1000,
    });
    expect(cast.transcripts).toMatchObject([{ segmentCount: 1, meta: { state: 'cancelled' } }]);
    await told.promise;
  });

  on('cancelled from Temporal’s own UI ends, however busy it is', async (here, cast) => {
    cast.checkpointing = new Promise(() => undefined);
    const handle = await here.startLive(liveInput(cast, { checkpointEverySegments: 1 }));
    await cast.begun(1);
    await here.commit(handle.workflowId, { epoch: 1, segments: [segment(0)], throughByte: 32_000 });
    await handle.cancel();
    const ending = await here.result(handle).catch((error: unknown) => error);
    expect(ending).toBeInstanceOf(WorkflowFailedError);
    expect((ending as WorkflowFailedError).cause).toBeInstanceOf(CancelledFailure);
  });

  on('whose recogniser fails again and again is failed, with its reason', async (here, cast) => {
    cast.stream = () => Promise.resolve({ why: 'engineFailed', detail: 'native code ended' });
    const handle = await here.startLive(liveInput(cast));
    expect(await here.result(handle)).toMatchObject({ state: 'failed', reason: 'engine_failed' });
    expect(cast.allocations.map(({ args }) => args.epoch)).toEqual([1, 2, 3, 4, 5]);
  });

  on('whose lease nobody knows any more asks for another', async (here, cast) => {
    cast.stream = () =>
      cast.streams.length === 1
        ? Promise.reject(ApplicationFailure.nonRetryable('no such lease'))
        : Promise.resolve(done);
    const handle = await here.startLive(liveInput(cast));
    expect(await here.result(handle)).toMatchObject({ state: 'completed' });
    expect(cast.allocations).toHaveLength(2);
  });

  on('moves to the gateway of the newest attach, with the same lease', async (here, cast) => {
    const handle = await here.startLive(liveInput(cast));
    await cast.begun(1);
    await here.attach(handle, attach('c2', 'g2'));
    const second = await cast.begun(2);
    expect(second).toMatchObject({ gateway: { instance: 'g2' }, lease: { epoch: 1, leaseId: 'lease-1' } });
    expect(cast.allocations).toHaveLength(1);
    await handle.signal(SIGNAL.cancel);
    await here.result(handle);
  });

  on('refuses another format, and any attach once it is over', async (here, cast) => {
    const handle = await here.startLive(liveInput(cast));
    const other = here.attach(handle, { ...attach('c2'), audio: { ...live.audio, channels: 2 } });
    await expect(other).rejects.toMatchObject({ cause: { type: REFUSAL.formatChanged } });
    await handle.signal(SIGNAL.cancel);
    await here.result(handle);
    await expect(here.attach(handle, attach('c3'))).rejects.toThrow();
  });
});

describe('a file', () => {
  const fileInput = (cast: Cast, bounds: Partial<LiveInput['bounds']> = {}): FileInput => {
    const { audio, kind, ...spec } = liveInput(cast, bounds);
    expect([audio.channels, kind]).toEqual([1, 'live']);
    return {
      ...spec,
      kind: 'file',
      fileName: 'talk.wav',
      uploadId: 'u',
      uploadBytes: 9,
    };
  };
  const spans = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ fromByte: i * 32_000, toByte: (i + 1) * 32_000 }));
  const probed = (handle: WorkflowHandle): Promise<ProbeAnswer> => handle.executeUpdate<ProbeAnswer, []>(UPDATE.probed);

  on('is cut into spans that run side by side, as many as allowed, and joined', async (here, cast) => {
    let running = 0;
    let most = 0;
    cast.decoded = { ok: true, totalBytes: 160_000, spans: spans(5) };
    cast.stream = async ({ workflowId, lease, fromByte, toByte, kind, gateway }) => {
      running += 1;
      most = Math.max(most, running);
      expect({ kind, gateway }).toEqual({ kind: 'span', gateway: null });
      await here.commit(workflowId, {
        epoch: lease.epoch,
        segments: [segment(0, `from ${fromByte}`)],
        throughByte: toByte ?? 0,
      });
      running -= 1;
      return done;
    };
    const handle = await here.startFile(fileInput(cast, { maxParallelSpans: 2 }));
    expect(await probed(handle)).toEqual({ ok: true });
    expect(await here.result(handle)).toEqual({
      state: 'completed',
      reason: null,
      detail: null,
      segments: 5,
      audioMs: 5000,
    });
    expect(most).toBe(2);
    expect(cast.streams.map(({ fromByte }) => fromByte).sort((a, b) => a - b)).toEqual([
      0, 32_000, 64_000, 96_000, 128_000,
    ]);
    expect(cast.transcripts.map(({ span }) => span).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(cast.merges).toMatchObject([{ spans: 5, meta: { audioMs: 5000, state: 'completed' } }]);
    expect(cast.allocations.every(({ priority }) => priority !== undefined && priority >= 4)).toBe(true);
    expect(await here.view(handle)).toMatchObject({
      state: 'completed',
      spans: { done: 5, total: 5 },
      throughByte: 160_000,
    });
  });

  on(
    'that the decoder refuses is failed with its reason, and whoever waits for the verdict is told',
    async (here, cast) => {
      cast.probe = { ok: false, reason: 'unsupported_audio', detail: 'a picture' };
      const handle = await here.startFile(fileInput(cast));
      expect(await probed(handle)).toEqual({ ok: false, reason: 'unsupported_audio', detail: 'a picture' });
      expect(await here.result(handle)).toMatchObject({
        state: 'failed',
        reason: 'unsupported_audio',
        detail: 'a picture',
        segments: 0,
      });
      expect(cast.streams).toEqual([]);
    },
  );

  on('one of whose spans fails is failed for its reason, and begins no other', async (here, cast) => {
    cast.decoded = { ok: true, totalBytes: 128_000, spans: spans(4) };
    cast.stream = ({ fromByte }) => Promise.resolve(fromByte === 0 ? { why: 'engineFailed', detail: null } : done);
    const handle = await here.startFile(fileInput(cast, { maxParallelSpans: 1 }));
    expect(await here.result(handle)).toMatchObject({ state: 'failed', reason: 'engine_failed' });
    expect(cast.streams.every(({ fromByte }) => fromByte === 0)).toBe(true);
    expect(cast.merges).toEqual([]);
    const { state, reason, ...rest } = await here.view(handle);
    expect([state, reason]).toEqual(['failed', 'engine_failed']);
    expect(Object.keys(rest)).not.toContain('segments');
  });

  on('one of whose spans cannot be written is failed, without saying more than it may', async (here, cast) => {
    cast.decoded = { ok: true, totalBytes: 32_000, spans: spans(1) };
    cast.stream = () => Promise.resolve(done);
    cast.writing = () => Promise.reject(ApplicationFailure.nonRetryable('secret of the disk'));
    const result = await here.result(await here.startFile(fileInput(cast)));
    expect(result).toMatchObject({ state: 'failed', reason: 'session_failed' });
    expect(result.detail).not.toContain('secret');
  });

  on('that is cancelled ends its spans too, one with a checkpoint under way', async (here, cast) => {
    cast.decoded = { ok: true, totalBytes: 64_000, spans: spans(2) };
    cast.checkpointing = new Promise(() => undefined);
    cast.stream = async ({ workflowId, lease }, cancelled) => {
      await here.commit(workflowId, { epoch: lease.epoch, segments: [segment(0)], throughByte: 10 });
      return untilAborted(cancelled);
    };
    const handle = await here.startFile(fileInput(cast, { checkpointEverySegments: 1 }));
    await cast.begun(2);
    await handle.signal(SIGNAL.cancel);
    expect(await here.result(handle)).toMatchObject({ state: 'cancelled', reason: null });
    for (const { workflowId } of cast.streams) {
      const span = here.client.workflow.getHandle(workflowId);
      await span.result().catch(() => undefined);
      expect((await span.describe()).status.name).not.toBe('RUNNING');
    }
  });
});
