/** When a webhook is sent again, and when it is given up. */
import fc from 'fast-check';
import type { DeliveryOutcome } from '../../../workflows/webhook/contract.ts';
import { afterAttempt, initialDelivery, sentAgain } from '../../../workflows/webhook/delivery.ts';
import type { DeliveryState } from '../../../workflows/webhook/delivery.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const SCHEDULE = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

const answered = (status: number, retryAfterMs: number | null = null): DeliveryOutcome => ({
  kind: 'answered',
  status,
  retryAfterMs,
  durationMs: 10,
});
const unreachable: DeliveryOutcome = { kind: 'unreachable', detail: 'ECONNREFUSED', durationMs: 10 };

/** Attempts, each taken as soon as it is due, with these outcomes; an attempt takes `takesMs`. */
function run(outcomes: readonly DeliveryOutcome[], { random = 0, takesMs = 0, schedule = SCHEDULE } = {}) {
  let state = initialDelivery(0);
  const atMs: number[] = [];
  for (const outcome of outcomes) {
    if (state.phase.name !== 'pending') break;
    const startMs = state.phase.atMs;
    atMs.push(startMs);
    state = afterAttempt(state, outcome, schedule, { startMs, nowMs: startMs + takesMs, random });
  }
  return { state, atMs };
}

const times = <T>(count: number, what: T): T[] => Array.from({ length: count }, () => what);

test('a receiver that never answers is tried at 0, 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h, then no more', () => {
  const { state, atMs } = run(times(20, unreachable));
  expect(atMs).toEqual([0, ...SCHEDULE]);
  expect(state.phase).toEqual({ name: 'dead', reason: 'exhausted', sinceMs: 24 * HOUR });
});

test.each([200, 201, 204, 299])('%i is received', (status) => {
  expect(run([answered(status)]).state.phase).toEqual({ name: 'delivered' });
});

test.each([301, 302, 307, 308, 304, 400, 401, 404, 418, 500, 501, 100])('%i is tried again', (status) => {
  const { phase, attempts } = run([answered(status)]).state;
  expect(phase).toEqual({ name: 'pending', atMs: 5 * SECOND });
  expect(attempts[0]).toMatchObject({ number: 1, status, detail: expect.any(String) as string });
});

test('a receiver that is gone, is disabled, or may not be spoken to is given up at once', () => {
  const dead = (outcome: DeliveryOutcome) => run([outcome]).state.phase;
  expect(dead(answered(410))).toMatchObject({ name: 'dead', reason: 'gone' });
  expect(dead({ kind: 'disabled', durationMs: 1 })).toMatchObject({ name: 'dead', reason: 'disabled' });
  expect(dead({ kind: 'forbidden', detail: 'is inside', durationMs: 1 })).toMatchObject({ reason: 'forbidden' });
});

describe.each([429, 502, 503, 504])('a receiver that answers %i', (status) => {
  test('is given the pause that it wishes for, up to a day', () => {
    expect(run([answered(status, 90 * SECOND)]).state.phase).toEqual({ name: 'pending', atMs: 90 * SECOND });
    expect(run([answered(status, 1000 * HOUR)]).state.phase).toEqual({ name: 'pending', atMs: 24 * HOUR });
  });

  test('is never asked earlier than scheduled, however short the pause that it wishes for', () => {
    expect(run([answered(status, 0)]).state.phase).toEqual({ name: 'pending', atMs: 5 * SECOND });
  });

  test('and wishes for nothing is given the scheduled pause from its answer on', () => {
    expect(run([answered(status)], { takesMs: 12 * SECOND }).state.phase).toMatchObject({ atMs: 17 * SECOND });
    expect(run([answered(500)], { takesMs: 12 * SECOND }).state.phase).toMatchObject({ atMs: 12 * SECOND });
  });
});

test('what a receiver wishes with another status is not followed', () => {
  expect(run([answered(500, HOUR)]).state.phase).toMatchObject({ atMs: 5 * SECOND });
});

test('a dead letter that is sent again has the whole schedule before it, and keeps what was', () => {
  const { state } = run(times(10, unreachable));
  const again = sentAgain(state, 100 * HOUR);
  expect(again).toMatchObject({ phase: { name: 'pending', atMs: 100 * HOUR }, tries: 0 });
  const now = { startMs: 100 * HOUR, nowMs: 100 * HOUR, random: 0 };
  const after = afterAttempt(again, unreachable, SCHEDULE, now);
  expect(after.phase).toMatchObject({ name: 'pending', atMs: 100 * HOUR + 5 * SECOND });
  expect(after.attempts.map(({ number }) => number)).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
});

// ---- whatever the receiver does

const outcome: fc.Arbitrary<DeliveryOutcome> = fc.oneof(
  fc.record({
    kind: fc.constant('answered' as const),
    status: fc.integer({ min: 100, max: 599 }),
    retryAfterMs: fc.option(fc.integer({ min: 0, max: 100 * HOUR })),
    durationMs: fc.nat(15_000),
  }),
  fc.constant(unreachable),
);
const schedule = fc
  .uniqueArray(fc.integer({ min: 1, max: 30 * 24 * HOUR }), { maxLength: 12 })
  .map((offsets) => offsets.sort((a, b) => a - b));

interface Step {
  readonly before: DeliveryState;
  readonly after: DeliveryState;
  readonly nowMs: number;
}

/** One course: each attempt when it is due, each taking as long as it says. */
function course(outcomes: readonly DeliveryOutcome[], offsets: readonly number[], random: number): Step[] {
  const steps: Step[] = [];
  let state = initialDelivery(0);
  for (const what of outcomes) {
    if (state.phase.name !== 'pending') break;
    const before = state;
    const startMs = state.phase.atMs;
    const nowMs = startMs + what.durationMs;
    state = afterAttempt(before, what, offsets, { startMs, nowMs, random });
    steps.push({ before, after: state, nowMs });
  }
  return steps;
}

test('it is tried at most once more than the schedule is long, and always ends as delivered or dead', () => {
  fc.assert(
    fc.property(
      schedule,
      fc.array(outcome, { minLength: 14, maxLength: 14 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (offsets, outcomes, random) => {
        const steps = course(outcomes, offsets, random);
        expect(steps.length).toBeLessThanOrEqual(offsets.length + 1);
        expect(steps.at(-1)?.after.phase.name).not.toBe('pending');
      },
    ),
    { seed: 20 },
  );
});

test('an attempt is never before its time, and never later than jitter and the receiver’s own wish make it', () => {
  fc.assert(
    fc.property(
      schedule,
      fc.array(outcome, { maxLength: 14 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (offsets, outcomes, random) => {
        for (const { before, after, nowMs } of course(outcomes, offsets, random)) {
          if (after.phase.name !== 'pending') continue;
          const offset = offsets[before.tries] ?? 0;
          const gap = offset - (offsets[before.tries - 1] ?? 0);
          expect(after.phase.atMs).toBeGreaterThanOrEqual(Math.max(offset, nowMs));
          const latest = Math.max(offset + gap * 0.1, nowMs + Math.max(gap, 24 * HOUR)) + 1;
          expect(after.phase.atMs).toBeLessThanOrEqual(latest);
        }
      },
    ),
    { seed: 21 },
  );
});

test('what is carried is plain JSON, and bounded however often it is sent again', () => {
  let state = initialDelivery(0);
  for (let at = 0; at < 300; at += 1) {
    state = afterAttempt(sentAgain(state, at), unreachable, [], { startMs: at, nowMs: at, random: 0 });
  }
  expect(state.attempts).toHaveLength(50);
  expect(state.attempts.at(-1)?.number).toBe(300);
  expect(JSON.parse(JSON.stringify(state))).toEqual(state);
});
