import { PRIORITIES } from '../../../workflows/contract.ts';
import { priorityKey, resultOf, streamArgsOf, transcriptArgsOf, viewOf } from '../../../workflows/session/project.ts';
import { evolve } from '../../../workflows/session/state.ts';
import { attached, committed, EXPIRED, finished, given, granted, live, lost, span, streamEnded } from './given.ts';

const COMPLETED = { state: 'completed', reason: null, detail: null } as const;

describe('priority', () => {
  test('puts a live session that goes on before every new one, and any live one not after batch', () => {
    const fresh = PRIORITIES.map((priority) => priorityKey('live', priority, false));
    expect(fresh).toEqual([2, 3, 4]);
    for (const priority of PRIORITIES) {
      expect(priorityKey('live', priority, true)).toBe(1);
      for (const continuing of [true, false])
        expect(priorityKey('span', priority, continuing)).toBeGreaterThanOrEqual(4);
    }
    expect(priorityKey('span', 'low', true)).toBeLessThan(priorityKey('span', 'low', false));
  });
});

describe('the stream activity', () => {
  test('starts where the committed segments end, with the newest lease and gateway', () => {
    const state = given(
      live,
      attached('c1', 'g1'),
      granted(1),
      committed(1, 0, 3),
      lost(1),
      granted(2),
      attached('c2', 'g2'),
    );
    expect(streamArgsOf(state, live, 'session/t/s')).toMatchObject({
      workflowId: 'session/t/s',
      lease: { epoch: 2, leaseId: 'l2' },
      gateway: { instance: 'g2' },
      fromByte: 96_000,
      toByte: null,
      nextIndex: 3,
      drain: false,
    });
  });

  test('drains once the end is forced', () => {
    expect(streamArgsOf(given(live, attached(), granted(1), EXPIRED), live, 'w').drain).toBe(true);
  });

  test('of a span stops at its end and dials any gateway', () => {
    expect(streamArgsOf(given(span, granted(1)), span, 'w')).toMatchObject({
      kind: 'span',
      fromByte: 64_000,
      toByte: 128_000,
      gateway: null,
    });
  });

  test('is not to be had without a lease', () => {
    expect(() => streamArgsOf(given(live, attached()), live, 'w')).toThrow('no lease in phase queued');
  });
});

describe('a view', () => {
  test('shows lease and progress', () => {
    const state = given(live, attached(), granted(1), committed(1, 0, 2));
    expect(viewOf(state, live)).toMatchObject({
      state: 'streaming',
      kind: 'live',
      lease: { workerId: 'w1', epoch: 1 },
      epoch: 1,
      nextIndex: 2,
      attached: true,
      generation: 1,
      reason: null,
    });
  });

  test('of an ended session shows how it ended, and no lease', () => {
    const state = evolve(given(live, attached(), granted(1), streamEnded(1, 'end')), { type: 'SessionEnded' });
    expect(viewOf(state, live)).toMatchObject({ state: 'completed', lease: null, epoch: 1 });
  });
});

describe('the length of a session', () => {
  const close = (state = given(live)) => evolve(state, { type: 'SessionEnded' });

  test('is that of its audio, also where nothing was said at the end', () => {
    const state = close(
      given(live, attached(), granted(1), committed(1, 0, 2), finished(160_000), streamEnded(1, 'end')),
    );
    expect(resultOf(state, live)).toEqual({ ...COMPLETED, segments: 2, audioMs: 5000, holes: [] });
  });

  test('of a span counts from its first byte', () => {
    const state = close(given(span, granted(1), streamEnded(1, 'end', 0)));
    expect(resultOf(state, span).audioMs).toBe(2000);
    expect(transcriptArgsOf(state, span, COMPLETED)).toMatchObject({
      span: 2,
      segmentCount: 0,
      meta: { audioMs: 2000 },
    });
  });

  test('is not to be had before the end', () => {
    expect(() => resultOf(given(live), live)).toThrow('no result in phase idle');
  });
});
