/** The workflows as they are, on a Temporal server, between hand-made activities. */
import { ApplicationFailure } from '@temporalio/common';
import { REFUSAL, SIGNAL, STORAGE_DAMAGED } from '../../workflows/contract.ts';
import type { LiveInput, StreamArgs } from '../../workflows/contract.ts';
import type { StreamState } from '../../workflows/session/state.ts';
import { staged } from '../harness/staged.ts';
import { untilAborted } from '../harness/workflow-stage.ts';
import type { Cast, Stage } from '../harness/workflow-stage.ts';
import { attach, live, segment } from '../workflows/session/given.ts';

const on = staged('the workflows on a server whose time can be skipped', 's');

const liveInput = (cast: Cast, bounds: Partial<LiveInput['bounds']> = {}): LiveInput => ({
  ...live,
  ref: { tenant: 't', id: cast.id },
  bounds: { ...live.bounds, ...bounds },
});

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
  on('whose checkpoints stay damaged ends as storage_corruption, and is shown as such', async (here, cast) => {
    cast.stream = commitUpTo(here, 3);
    cast.writing = () => Promise.reject(ApplicationFailure.nonRetryable('checkpoint/0', STORAGE_DAMAGED));
    const handle = await here.startLive(liveInput(cast));
    const ending = { state: 'failed', reason: 'storage_corruption' };
    expect(await here.result(handle)).toMatchObject({ ...ending, segments: 3 });
    expect(await here.view(handle)).toMatchObject(ending);
  });

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

  on('that costs one worker after the other rests before it asks for the next', async (here, cast) => {
    cast.stream = async ({ workflowId, lease: { epoch } }, cancelled) => {
      if (epoch > 4) return done;
      await here.client.workflow.getHandle(workflowId).signal(SIGNAL.workerLost, { epoch, why: 'killed' });
      return untilAborted(cancelled);
    };
    const handle = await here.startLive(liveInput(cast));
    expect(await here.result(handle)).toMatchObject({ state: 'completed' });
    const { events } = await here.client.workflow.getHandle(handle.workflowId).fetchHistory();
    const timers = events?.map(({ timerStartedEventAttributes: timer }) => timer?.startToFireTimeout) ?? [];
    expect(timers.filter((timer) => Number(timer?.seconds) === 1)).toHaveLength(1);
  });

  on('whose lost worker is not replaced at once asks a second time, and takes the first grant', async (here, cast) => {
    const hung = Promise.withResolvers<undefined>();
    cast.granting = (request) => (request === 2 ? hung.promise : Promise.resolve());
    const handle = await here.startLive(liveInput(cast));
    await cast.begun(1);
    await handle.signal(SIGNAL.workerLost, { epoch: 1, why: 'silent' });
    expect(await cast.begun(2)).toMatchObject({ lease: { leaseId: 'lease-3', epoch: 2 } });
    hung.resolve(undefined);
    await handle.signal(SIGNAL.cancel);
    await here.result(handle);
    expect(cast.allocations.map(({ args }) => args.epoch)).toEqual([1, 2, 2]);
    expect(cast.streams.map(({ lease }) => lease.leaseId)).toEqual(['lease-1', 'lease-3']);
  });

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
      holes: [],
      view: await here.view(handle),
    });
    expect(cast.transcripts).toMatchObject([{ segmentCount: 1, meta: { state: 'cancelled' } }]);
    await told.promise;
  });

  on(
    'cancelled from Temporal’s own UI ends as cancelled, with its transcript, however busy it is',
    async (here, cast) => {
      cast.checkpointing = new Promise(() => undefined);
      const handle = await here.startLive(liveInput(cast, { checkpointEverySegments: 1 }));
      await cast.begun(1);
      await here.commit(handle.workflowId, { epoch: 1, segments: [segment(0)], throughByte: 32_000 });
      await handle.cancel();
      expect(await here.result(handle)).toMatchObject({ state: 'cancelled', segments: 1 });
      expect(cast.transcripts).toMatchObject([{ segmentCount: 1, meta: { state: 'cancelled' } }]);
    },
  );

  on('with holes has them transcribed again, alone and before new sessions, and then joined in', async (here, cast) => {
    const holes = [
      { fromByte: 32_000, toByte: 64_000 },
      { fromByte: 96_000, toByte: 128_000 },
    ];
    cast.holes.push(holes);
    cast.stream = async ({ workflowId, kind, fromByte, lease }) => {
      if (kind === 'live') return { ...done, throughByte: 128_000 };
      // The first is transcribed this time, the second fails for good.
      if (fromByte !== 32_000) return { why: 'engineFailed', detail: null };
      await here.commit(workflowId, { epoch: lease.epoch, segments: [segment(0)], throughByte: 64_000 });
      return done;
    };
    const handle = await here.startLive(liveInput(cast));
    expect(await here.result(handle)).toMatchObject({ state: 'completed' });
    const ofSession = cast.transcripts.filter((args) => args.span === null);
    expect(ofSession).toMatchObject([
      { repairs: null, coverage: { throughByte: 128_000 } },
      { repairs: { firstSpan: 0, spans: 2, open: [holes[1]] } },
    ]);
    expect(
      cast.streams.filter(({ kind }) => kind === 'span').map(({ fromByte, toByte }) => [fromByte, toByte]),
    ).toContainEqual([32_000, 64_000]);
    expect(cast.allocations.slice(1).every(({ priority }) => priority === 1)).toBe(true);
  });

  on('whose client sends nothing gives its slot back, and asks for one when audio comes again', async (here, cast) => {
    cast.stream = (args) =>
      Promise.resolve(cast.streams.length === 1 ? { why: 'quiet', detail: null, generation: args.generation } : done);
    const handle = await here.startLive(liveInput(cast));
    for (let view = await here.view(handle); view.state !== 'idle'; view = await here.view(handle));
    expect(await here.view(handle)).toMatchObject({ attached: true, lease: null });
    await here.attach(handle, attach('c1', 'g1'));
    expect(await here.result(handle)).toMatchObject({ state: 'completed' });
    expect(cast.allocations).toHaveLength(2);
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
