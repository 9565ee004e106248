import { REFUSAL } from '../../../workflows/contract.ts';
import {
  decide,
  MAX_ENGINE_FAILURES,
  MAX_SKIPS,
  MAX_TAIL_SEGMENTS,
  MAX_WORKER_LOSSES,
  pauseBeforeSlotMs,
  refuseAttach,
  refuseCommit,
  SKIP_BYTES,
} from '../../../workflows/session/decide.ts';
import type { Command } from '../../../workflows/session/decide.ts';
import { carriedState, evolve, initialState } from '../../../workflows/session/state.ts';
import type { StreamState } from '../../../workflows/session/state.ts';
import {
  after,
  apply,
  attach,
  attached,
  CANCELLED,
  committed,
  detached,
  EXPIRED,
  eventsOf,
  finished,
  given,
  granted,
  LATER_MS,
  live,
  lost,
  segment,
  span,
  START_MS,
  streamEnded,
} from './given.ts';

const commitOf = (command: Command) => {
  if (command.type !== 'CommitSegments') throw new Error(`${command.type} is no commit`);
  return command.commit;
};
const streaming = given(live, attached(), granted(1));
const away = given(live, attached(), granted(1), detached(), streamEnded(1, 'paused'));
const closing = given(live, attached(), granted(1), streamEnded(1, 'end'));
const ended = evolve(closing, { type: 'SessionEnded' });

describe('a client', () => {
  test('that comes first wants a slot', () => {
    expect(eventsOf(initialState(live, START_MS), attached())).toEqual(['ClientAttached', 'SlotWanted']);
    expect(given(live, attached()).phase).toEqual({ name: 'queued', sinceMs: START_MS + 1000 });
  });

  test('that comes while the session waits or streams asks for no second slot', () => {
    expect(eventsOf(given(live, attached()), attached('c2'))).toEqual(['ClientAttached']);
    expect(eventsOf(streaming, attached('c2', 'g2'))).toEqual(['ClientAttached']);
  });

  test('that comes back to an idle session wants a slot again', () => {
    expect(away.phase).toEqual({ name: 'idle' });
    expect(eventsOf(away, attached('c2'))).toEqual(['ClientAttached', 'SlotWanted']);
  });

  test('is counted by generation, and the newest names the gateway', () => {
    const state = given(live, attached('c1', 'g1'), attached('c2', 'g2'), attached('c3', 'g3'));
    expect(state).toMatchObject({ generation: 3, client: { connection: 'c3' }, gateway: { instance: 'g3' } });
  });

  test('whose older connection closes late stays attached', () => {
    const state = given(live, attached('c1'), attached('c2'));
    expect(eventsOf(state, detached('c1'))).toEqual([]);
    expect(eventsOf(state, detached('c2'))).toEqual(['ClientDetached']);
  });

  test('that is gone is remembered with the time, and its gateway is still where the audio is', () => {
    const state = after(streaming, detached());
    expect(state).toMatchObject({ client: null, detachedAtMs: LATER_MS, gateway: { instance: 'g1' } });
    expect(eventsOf(state, detached())).toEqual([]);
  });

  test('that is back stops the resume window', () => {
    expect(given(live, attached(), detached(), attached('c2')).detachedAtMs).toBeNull();
  });

  test('with another audio format is refused, with the format of the session', () => {
    for (const change of [{ encoding: 'mulaw' }, { sampleRate: 8000 }, { channels: 2 }] as const) {
      const refusal = refuseAttach(streaming, { ...attach('c2'), audio: { ...live.audio, ...change } }, live.audio);
      expect(refusal).toEqual({
        type: REFUSAL.formatChanged,
        message: 'the session was started with encoding s16le, sample_rate 16000, channels 1',
      });
    }
    expect(refuseAttach(streaming, attach('c2'), live.audio)).toBeNull();
  });

  test('of a session that is over is refused', () => {
    for (const state of [closing, ended]) {
      expect(refuseAttach(state, attach('c2'), live.audio)?.type).toBe(REFUSAL.sessionEnded);
    }
  });
});

describe('a lease', () => {
  test('is taken by a session that waits', () => {
    expect(streaming).toMatchObject({ epoch: 1, phase: { name: 'streaming', lease: { leaseId: 'l1', epoch: 1 } } });
  });

  test('that comes too late, or with an epoch that was there already, is not taken', () => {
    expect(eventsOf(streaming, granted(2))).toEqual([]);
    expect(eventsOf(away, granted(2))).toEqual([]);
    expect(eventsOf(given(live, attached(), granted(1), lost(1)), granted(1))).toEqual([]);
  });

  test('is replaced when its worker is lost', () => {
    expect(eventsOf(streaming, lost(1))).toEqual(['WorkerLost', 'SlotWanted']);
    expect(given(live, attached(), granted(1), lost(1), granted(2)).epoch).toBe(2);
  });

  test('is not lost by news of an older worker, nor twice', () => {
    const second = given(live, attached(), granted(1), lost(1), granted(2));
    expect(eventsOf(second, lost(1))).toEqual([]);
    expect(eventsOf(second, lost(3))).toEqual([]);
    expect(eventsOf(given(live, attached(), granted(1), lost(1)), lost(1))).toEqual([]);
  });

  test('that has expired or is fenced is asked for anew', () => {
    expect(eventsOf(streaming, streamEnded(1, 'leaseExpired'))).toEqual(['SlotWanted']);
    expect(eventsOf(streaming, streamEnded(1, 'fenced'))).toEqual(['SlotWanted']);
  });

  test('goes on over a rotation and over a newer stream of its own', () => {
    expect(eventsOf(streaming, streamEnded(1, 'rotate'))).toEqual([]);
    expect(eventsOf(streaming, streamEnded(1, 'superseded'))).toEqual([]);
  });

  test('does not end with the stream of an older one', () => {
    const second = given(live, attached(), granted(1), lost(1), granted(2));
    for (const why of ['end', 'paused', 'gatewayLost', 'leaseExpired', 'fenced', 'engineFailed'] as const) {
      expect(eventsOf(second, streamEnded(1, why))).toEqual([]);
    }
  });
});

describe('a commit', () => {
  const two = given(live, attached(), granted(1), committed(1, 0, 2));

  test('appends segments and moves the byte from which another recogniser may start', () => {
    expect(two).toMatchObject({ nextIndex: 2, throughByte: 64_000 });
    expect(two.tail.map(({ index }) => index)).toEqual([0, 1]);
  });

  test('from an older epoch is refused, and changes nothing where it is not asked first', () => {
    const second = given(live, attached(), granted(1), committed(1, 0, 2), lost(1), granted(2));
    expect(refuseCommit(second, commitOf(committed(1, 2, 3)))?.type).toBe(REFUSAL.staleEpoch);
    expect(eventsOf(second, committed(1, 2, 3))).toEqual([]);
  });

  test('of an epoch that was never granted is refused', () => {
    expect(refuseCommit(two, commitOf(committed(2, 2, 3)))?.type).toBe(REFUSAL.staleEpoch);
    expect(eventsOf(two, committed(2, 2, 3))).toEqual([]);
  });

  test('after the lease was given up is refused, though its epoch is the newest', () => {
    for (const state of [after(two, lost(1)), after(two, streamEnded(1, 'paused'))]) {
      expect(refuseCommit(state, commitOf(committed(1, 2, 3)))?.type).toBe(REFUSAL.staleEpoch);
      expect(eventsOf(state, committed(1, 2, 3))).toEqual([]);
    }
  });

  test('that leaves a gap is refused, at its start or within', () => {
    expect(refuseCommit(two, commitOf(committed(1, 3, 4)))?.type).toBe(REFUSAL.indexGap);
    const holed = { epoch: 1, segments: [segment(2), segment(4)], throughByte: 160_000 };
    expect(refuseCommit(two, holed)?.type).toBe(REFUSAL.indexGap);
    expect(eventsOf(two, { type: 'CommitSegments', commit: holed })).toEqual([]);
  });

  test('with a repeated index of the present epoch is answered as done', () => {
    expect(refuseCommit(two, commitOf(committed(1, 0, 2)))).toBeNull();
    expect(eventsOf(two, committed(1, 0, 2))).toEqual([]);
  });

  test('that repeats some and adds some appends only what is new, and never rewrites a final', () => {
    const other = {
      epoch: 1,
      segments: [segment(1, 'rewritten'), segment(2, 'new')],
      throughByte: 96_000,
    };
    const state = after(two, { type: 'CommitSegments', commit: other });
    expect(state.tail.map(({ text }) => text)).toEqual(['segment 0', 'segment 1', 'new']);
    expect(state.nextIndex).toBe(3);
  });

  test('without segments records silence, and never moves back', () => {
    const silence = (throughByte: number): Command => ({
      type: 'CommitSegments',
      commit: { epoch: 1, segments: [], throughByte },
    });
    expect(after(two, silence(100_000))).toMatchObject({ nextIndex: 2, throughByte: 100_000 });
    expect(eventsOf(two, silence(10))).toEqual([]);
  });

  test('is held back while too many segments wait for storage; silence is not', () => {
    const full = given(live, attached(), granted(1), committed(1, 0, MAX_TAIL_SEGMENTS));
    const next = MAX_TAIL_SEGMENTS;
    expect(refuseCommit(full, commitOf(committed(1, next, next + 1)))?.type).toBe(REFUSAL.tailFull);
    expect(refuseCommit(full, { epoch: 1, segments: [], throughByte: next * 32_000 + 10 })).toBeNull();
    const freed = evolve(full, { type: 'SegmentsCheckpointed', end: 10 });
    expect(refuseCommit(freed, commitOf(committed(1, next, next + 1)))).toBeNull();
  });

  test('of a session that is over is refused', () => {
    for (const state of [closing, ended]) {
      expect(refuseCommit(state, commitOf(committed(1, 0, 1)))?.type).toBe(REFUSAL.sessionEnded);
      expect(eventsOf(state, committed(1, 0, 1))).toEqual([]);
    }
  });
});

describe('a checkpoint', () => {
  const five = given(live, attached(), granted(1), committed(1, 0, 5));

  test('lets go of the tail before its end, and of nothing after it', () => {
    const state = evolve(five, { type: 'SegmentsCheckpointed', end: 3 });
    expect(state.tailFrom).toBe(3);
    expect(state.tail.map(({ index }) => index)).toEqual([3, 4]);
    expect(state.nextIndex).toBe(5);
  });

  test('that comes late, behind a newer one, changes nothing', () => {
    const newer = evolve(five, { type: 'SegmentsCheckpointed', end: 4 });
    expect(evolve(newer, { type: 'SegmentsCheckpointed', end: 2 })).toEqual(newer);
  });
});

describe('a stream that ends', () => {
  test('because everything is recognised completes the session', () => {
    expect(closing.phase).toEqual({ name: 'closing', ending: { state: 'completed', reason: null, detail: null } });
    expect(ended.phase).toMatchObject({ name: 'ended', ending: { state: 'completed' } });
  });

  test.each(['paused', 'gatewayLost'] as const)('%s without its client gives the slot back', (why) => {
    const state = after(streaming, detached());
    expect(after(state, streamEnded(1, why)).phase).toEqual({ name: 'idle' });
    // The window counts from when the client left, not from when its slot was given back.
    expect(after(state, streamEnded(1, why)).detachedAtMs).toBe(state.detachedAtMs);
  });

  test('gatewayLost forgets the gateway, so that the audio is had from any other, unless a newer one is known', () => {
    expect(after(streaming, streamEnded(1, 'gatewayLost')).gateway).toBeNull();
    expect(after(streaming, streamEnded(1, 'paused')).gateway).toMatchObject({ instance: 'g1' });
    const moved = after(streaming, attached('c2', 'g2'));
    expect(after(moved, streamEnded(1, 'gatewayLost', 1)).gateway).toMatchObject({ instance: 'g2' });
  });

  test.each(['paused', 'gatewayLost'] as const)(
    '%s with a client that nobody saw go takes it for gone: the window starts',
    (why) => {
      const state = after(streaming, streamEnded(1, why, 1));
      expect(state).toMatchObject({ client: null, detachedAtMs: LATER_MS, phase: { name: 'idle' } });
    },
  );

  test.each(['paused', 'gatewayLost'] as const)('%s while a newer attach is there wants a slot', (why) => {
    const state = after(streaming, attached('c2', 'g2'));
    expect(eventsOf(state, streamEnded(1, why, 1))).toEqual(['SlotWanted']);
    expect(after(state, streamEnded(1, why, 1)).client?.connection).toBe('c2');
  });

  test.each(['paused', 'gatewayLost'] as const)('%s after the audio has an end wants a slot for the rest', (why) => {
    const end = (state: StreamState, generation?: number) => after(state, streamEnded(1, why, generation)).phase.name;
    expect(end(after(streaming, finished(64_000)))).toBe('queued');
    expect(end(after(streaming, EXPIRED))).toBe('queued');
    expect(end(given(span, granted(1)), 0)).toBe('queued');
  });

  test('because the recogniser failed is tried again, and given up after the last time without a commit', () => {
    let state = streaming;
    for (let failure = 1; failure < MAX_ENGINE_FAILURES; failure += 1) {
      expect(eventsOf(state, streamEnded(failure, 'engineFailed'))).toEqual(['EngineFailed', 'SlotWanted']);
      state = after(after(state, streamEnded(failure, 'engineFailed')), granted(failure + 1));
    }
    expect(after(state, streamEnded(MAX_ENGINE_FAILURES, 'engineFailed')).phase).toEqual({
      name: 'closing',
      ending: { state: 'failed', reason: 'engine_failed', detail: 'the recogniser failed again and again' },
    });
  });

  test('because the stored audio is damaged ends the session as failed', () => {
    expect(after(streaming, streamEnded(1, 'audioDamaged')).phase).toMatchObject({
      name: 'closing',
      ending: { state: 'failed', reason: 'storage_corruption' },
    });
  });

  test('by a failed recogniser counts from 0 again after a commit', () => {
    const failed = after(streaming, streamEnded(1, 'engineFailed'));
    expect(failed.engineFailures).toBe(1);
    expect(apply(failed, []).engineFailures).toBe(1);
    expect(after(after(failed, granted(2)), committed(2, 0, 1)).engineFailures).toBe(0);
  });
});

describe('a span that ends, and brings its last segments along', () => {
  const begun = given(span, granted(1), committed(1, 0, 2));
  const ending = (first: number, end: number, throughByte = end * 32_000): Command => {
    const segments = Array.from({ length: end - first }, (_, i) => segment(first + i));
    const outcome = { why: 'end', detail: null, throughByte, commit: { segments, throughByte } } as const;
    return { type: 'EndStream', epoch: 1, generation: 0, outcome };
  };

  test('has them committed before it closes', () => {
    expect(eventsOf(begun, ending(2, 4))).toEqual(['SegmentsCommitted', 'SessionClosing']);
    const { nextIndex, throughByte, phase } = after(begun, ending(2, 4));
    expect({ nextIndex, throughByte, phase: phase.name }).toEqual({
      nextIndex: 4,
      throughByte: 128_000,
      phase: 'closing',
    });
  });

  test('has those that are committed already once', () => {
    expect(after(begun, ending(0, 3)).tail.map(({ index }) => index)).toEqual([0, 1, 2]);
  });

  test('is heard again from its last commit where they leave a gap', () => {
    expect(eventsOf(begun, ending(3, 5))).toEqual(['SlotWanted']);
    expect(after(begun, ending(3, 5))).toMatchObject({ nextIndex: 2, throughByte: 64_000, phase: { name: 'queued' } });
  });

  test('changes nothing where its lease is void', () => {
    expect(eventsOf(given(span, granted(1), lost(1), granted(2)), ending(0, 2))).toEqual([]);
  });

  test('has them also while as many wait for storage as may', () => {
    const full = given(span, granted(1), committed(1, 0, MAX_TAIL_SEGMENTS));
    const command = ending(MAX_TAIL_SEGMENTS, MAX_TAIL_SEGMENTS + 1);
    expect(refuseCommit(full, { epoch: 1, segments: [segment(MAX_TAIL_SEGMENTS)], throughByte: 1 })).not.toBeNull();
    expect(after(full, command).nextIndex).toBe(MAX_TAIL_SEGMENTS + 1);
  });
});

describe('workers that are lost one after the other', () => {
  const GIVE_UP: Command = { type: 'GiveUp' };
  const afterLosses = (count: number, from = streaming): StreamState => {
    let state = from;
    for (let n = 0; n < count; n += 1) {
      if (state.phase.name === 'queued') state = after(state, granted(state.epoch + 1));
      state = after(state, lost(state.epoch));
    }
    return state;
  };

  test('are replaced at once three times, then after pauses of twice the length each, up to half a minute', () => {
    const pausesMs = Array.from({ length: MAX_WORKER_LOSSES }, (_, i) => pauseBeforeSlotMs(afterLosses(i)));
    expect(pausesMs).toEqual([0, 0, 0, 0, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  test('end the session as failed, with what there is, after the last loss without a commit', () => {
    expect(eventsOf(afterLosses(MAX_WORKER_LOSSES - 1), GIVE_UP)).toEqual([]);
    expect(after(afterLosses(MAX_WORKER_LOSSES), GIVE_UP).phase).toMatchObject({
      name: 'closing',
      ending: { state: 'failed', reason: 'engine_failed' },
    });
  });

  test('over the same audio, after a final, make it a hole: the next one goes on behind it', () => {
    const state = afterLosses(MAX_WORKER_LOSSES, given(live, attached(), granted(1), committed(1, 0, 2)));
    expect(eventsOf(state, GIVE_UP)).toEqual(['AudioSkipped']);
    const passed = after(state, GIVE_UP);
    expect(passed).toMatchObject({ phase: { name: 'queued' }, workerLosses: 0, throughByte: 64_000 + SKIP_BYTES });
    expect(pauseBeforeSlotMs(passed)).toBe(0);
  });

  test('count from 0 again after any commit, also one of silence', () => {
    const lastChance = afterLosses(MAX_WORKER_LOSSES - 1);
    const next = after(lastChance, granted(lastChance.epoch + 1));
    const silence: Command = { type: 'CommitSegments', commit: { epoch: next.epoch, segments: [], throughByte: 640 } };
    const heard = after(after(next, silence), lost(next.epoch));
    expect(heard.workerLosses).toBe(1);
    expect(pauseBeforeSlotMs(heard)).toBe(0);
    expect(eventsOf(heard, GIVE_UP)).toEqual([]);
  });

  test('are not those that were drained, handed over, or left because the gateway was gone', () => {
    for (const why of ['handedOver', 'leaseExpired', 'fenced', 'gatewayLost'] as const) {
      expect(after(streaming, streamEnded(1, why)).workerLosses).toBe(0);
    }
  });
});

describe('a handover', () => {
  const HAND_OVER: Command = { type: 'HandOver' };

  test('is wanted once for each lease, and only where there is one', () => {
    expect(eventsOf(streaming, HAND_OVER)).toEqual(['HandoverWanted']);
    const wanted = after(streaming, HAND_OVER);
    expect(eventsOf(wanted, HAND_OVER)).toEqual([]);
    const moved = after(after(wanted, streamEnded(1, 'handedOver')), granted(2));
    expect(eventsOf(moved, HAND_OVER)).toEqual(['HandoverWanted']);
    for (const state of [given(live), given(live, attached()), away, closing, ended]) {
      expect(eventsOf(state, HAND_OVER)).toEqual([]);
    }
  });

  test('that is done asks for another worker, also where the client is away', () => {
    expect(eventsOf(after(streaming, HAND_OVER), streamEnded(1, 'handedOver'))).toEqual(['SlotWanted']);
  });
});

describe('a connection that the network held up', () => {
  const numbered = (client: string, number: number) => ({
    ...attach(`${client}${number}`),
    attempt: { client, number },
  });
  const second = after(given(live), { type: 'Attach', attach: numbered('a', 2) });

  test('takes the session over from no later one of the same client', () => {
    expect(refuseAttach(second, numbered('a', 1), live.audio)?.type).toBe(REFUSAL.outdatedAttempt);
    expect(refuseAttach(second, numbered('a', 2), live.audio)).toBeNull();
    expect(refuseAttach(second, numbered('a', 3), live.audio)).toBeNull();
  });

  test('is not known where another client, or one that does not count, comes', () => {
    expect(refuseAttach(second, numbered('b', 1), live.audio)).toBeNull();
    expect(refuseAttach(second, attach('c9'), live.audio)).toBeNull();
    expect(refuseAttach(streaming, numbered('a', 1), live.audio)).toBeNull();
  });
});

describe('a hole', () => {
  const hole = { fromByte: 10_000, toByte: 20_000 };
  const told = (epoch: number, throughByte: number, holes = [hole]): Command => ({
    type: 'CommitSegments',
    commit: { epoch, segments: [], throughByte, holes },
  });
  /** Recognisers fail one after the other, until something else follows than another try. */
  function failing(from: StreamState): StreamState {
    let state = from;
    for (let n = 0; n < MAX_ENGINE_FAILURES && state.phase.name === 'streaming'; n += 1) {
      state = after(state, streamEnded(state.epoch, 'engineFailed'));
      if (state.phase.name === 'queued') state = after(state, granted(state.epoch + 1));
    }
    return state;
  }
  const spoken = given(live, attached(), granted(1), committed(1, 0, 2));

  test('that a recogniser tells of is kept, once', () => {
    expect(eventsOf(streaming, told(1, 32_000))).toEqual(['HolesFound', 'SegmentsCommitted']);
    const state = after(streaming, told(1, 32_000));
    expect(state).toMatchObject({ holes: [hole], throughByte: 32_000 });
    expect(after(state, told(1, 64_000)).holes).toEqual([hole]);
  });

  test('is where recognisers fail again and again, after a final: the next one goes on behind it', () => {
    const state = failing(spoken);
    expect(state.phase.name).toBe('streaming');
    expect(state).toMatchObject({
      throughByte: 64_000 + SKIP_BYTES,
      holes: [{ fromByte: 64_000, toByte: 64_000 + SKIP_BYTES }],
      engineFailures: 0,
      skips: 1,
    });
  });

  test('reaches no further than the audio', () => {
    const ending = after(spoken, finished(96_000));
    expect(failing(ending).holes).toEqual([{ fromByte: 64_000, toByte: 96_000 }]);
  });

  test('follows hole only so often: then it is not the audio, and the session has failed', () => {
    let state = spoken;
    for (let n = 0; n < MAX_SKIPS; n += 1) state = failing(state);
    expect(state.skips).toBe(MAX_SKIPS);
    expect(failing(state).phase).toMatchObject({ name: 'closing', ending: { reason: 'engine_failed' } });
    const between = after(state, {
      type: 'CommitSegments',
      commit: { epoch: state.epoch, segments: [segment(2)], throughByte: state.throughByte + 10 },
    });
    expect(between.skips).toBe(0);
  });

  test('is none of a session that began when nothing was passed over', () => {
    let state = spoken;
    for (let n = 0; n < MAX_ENGINE_FAILURES; n += 1) {
      state = after(state, { ...(streamEnded(state.epoch, 'engineFailed') as object), mayPassOver: false } as Command);
      if (state.phase.name === 'queued') state = after(state, granted(state.epoch + 1));
    }
    expect(state.phase).toMatchObject({ ending: { state: 'failed' } });
  });

  test('that is repaired adds its segments to the count, and what is left stays known', () => {
    const repaired = evolve(spoken, { type: 'HolesRepaired', segments: 3, holes: [hole] });
    expect(repaired).toMatchObject({ nextIndex: 5, holes: [hole] });
  });

  test('of a run that began with an earlier version is none', () => {
    const before: Record<string, unknown> = { ...spoken };
    delete before['holes'];
    delete before['workerLosses'];
    delete before['skips'];
    expect(carriedState(before as unknown as StreamState)).toEqual(spoken);
  });

  test('is not what was heard to the end and is silence', () => {
    const outcome = { why: 'end', detail: null, throughByte: 96_000 } as const;
    const command: Command = { type: 'EndStream', epoch: 1, generation: 1, outcome };
    expect(eventsOf(spoken, command)).toEqual(['AudioHeard', 'SessionClosing']);
    expect(after(spoken, command).throughByte).toBe(96_000);
  });
});

describe('a client that sends nothing', () => {
  test('costs no slot, and is not gone', () => {
    expect(eventsOf(streaming, streamEnded(1, 'quiet'))).toEqual(['SlotReleased']);
    const quiet = after(streaming, streamEnded(1, 'quiet'));
    expect(quiet).toMatchObject({ phase: { name: 'idle' }, client: { connection: 'c1' }, detachedAtMs: null });
    expect(eventsOf(quiet, attached('c1'))).toEqual(['ClientAttached', 'SlotWanted']);
  });

  test('and speaks again while its stream ends wants the next slot at once', () => {
    const spoke = after(streaming, attached('c1'));
    expect(eventsOf(spoke, streamEnded(1, 'quiet', 1))).toEqual(['SlotWanted']);
    expect(eventsOf(after(streaming, finished(99)), streamEnded(1, 'quiet'))).toEqual(['SlotWanted']);
  });
});

describe('the end', () => {
  test('said by the client is taken once, and an idle session wants a slot for what is left', () => {
    expect(eventsOf(streaming, finished(32_000))).toEqual(['AudioEnded']);
    expect(eventsOf(after(streaming, finished(32_000)), finished(99))).toEqual([]);
    expect(eventsOf(away, finished(32_000))).toEqual(['AudioEnded', 'SlotWanted']);
  });

  test('a session whose client is away longer than the window ends with what there is', () => {
    expect(eventsOf(away, EXPIRED)).toEqual(['EndForced', 'SlotWanted']);
    const drained = [after(away, EXPIRED)].map((state) => after(state, granted(2))).at(0) ?? away;
    expect(after(drained, streamEnded(2, 'end')).phase).toMatchObject({ ending: { state: 'completed' } });
  });

  test('of the window forces the end once', () => {
    expect(eventsOf(after(away, EXPIRED), EXPIRED)).toEqual([]);
    expect(eventsOf(streaming, EXPIRED)).toEqual(['EndForced']);
  });

  test('by cancel comes in every phase that is not over, at once', () => {
    for (const state of [initialState(live, 0), given(live, attached()), streaming, away]) {
      expect(after(state, CANCELLED).phase).toMatchObject({ name: 'closing', ending: { state: 'cancelled' } });
    }
  });

  test('is the end: no command changes a session that is closing or has ended', () => {
    const commands = [
      attached('c9'),
      detached(),
      granted(9),
      lost(1),
      streamEnded(1, 'end'),
      streamEnded(1, 'engineFailed'),
      committed(1, 0, 1),
      finished(1),
      EXPIRED,
      CANCELLED,
    ];
    for (const state of [closing, ended]) {
      for (const command of commands) expect(decide(command, state, LATER_MS)).toEqual([]);
    }
  });

  test('is not reached by a session that is not closing', () => {
    expect(evolve(streaming, { type: 'SessionEnded' })).toBe(streaming);
  });
});

test('a span wants a slot at once, starts at its first byte and knows its end', () => {
  expect(initialState(span, START_MS)).toMatchObject({
    phase: { name: 'queued', sinceMs: START_MS },
    throughByte: 64_000,
    audioEndByte: 128_000,
    detachedAtMs: null,
  });
});
