import fc from 'fast-check';
import { LIST_LAG_MS, Newcomers } from '../../../gateway/live/newcomers.ts';
import type { Open, Waiting } from '../../../gateway/live/newcomers.ts';

const { jest } = import.meta;
beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const LIST_MS = 1000;

/** What is true of the sessions of one model and tenant, and what Temporal says of it: late. */
class Truth {
  readonly #past: { readonly atMs: number; readonly waiting: string[]; readonly running: string[] }[] = [];
  readonly waiting = new Set<string>();
  readonly running = new Map<string, number>();

  constructor() {
    this.changed();
  }

  changed(): void {
    this.#past.push({ atMs: Date.now(), waiting: [...this.waiting], running: [...this.running.keys()] });
  }

  #asOf(lagMs: number) {
    return this.#past.findLast(({ atMs }) => atMs <= Date.now() - lagMs) ?? { waiting: [], running: [] };
  }

  list(lagMs: number): Waiting {
    return { askedMs: Date.now(), ids: this.#asOf(lagMs).waiting };
  }

  /** @param startedMs of every session there was */
  count(lagMs: number, startedMs: ReadonlyMap<string, number>): Open {
    const startedByMs = Date.now() - LIST_LAG_MS;
    const running = this.#asOf(lagMs).running.filter((id) => (startedMs.get(id) ?? 0) <= startedByMs);
    return { startedByMs, count: running.length };
  }
}

type Step =
  | { readonly what: 'comes' | 'comesElsewhere' }
  | { readonly what: 'answered' | 'served' | 'ends' | 'leaves'; readonly which: number }
  | { readonly what: 'passes'; readonly ms: number; readonly lagMs: number };

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ what: fc.constantFrom('comes', 'comesElsewhere') }) },
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constantFrom('answered', 'served', 'ends', 'leaves'), which: fc.nat(50) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('passes'),
      ms: fc.integer({ min: 1, max: 3000 }),
      lagMs: fc.nat(LIST_LAG_MS - 1),
    }),
  },
) as fc.Arbitrary<Step>;

/** A gateway that asks for a list once a second, and what is true. */
function play(steps: readonly Step[], check: (told: { waiting: number; open: number }, truth: Truth) => void): void {
  const newcomers = new Newcomers();
  const truth = new Truth();
  const startedMs = new Map<string, number>();
  const here: string[] = [];
  const elsewhere: string[] = [];
  let [list, count] = [truth.list(0), truth.count(0, startedMs)];
  const start = (id: string): void => {
    startedMs.set(id, Date.now());
    truth.running.set(id, Date.now());
    truth.waiting.add(id);
  };
  for (const [i, each] of steps.entries()) {
    const id = 'which' in each ? here[each.which % Math.max(1, here.length)] : `s${i}`;
    if (id === undefined) continue;
    switch (each.what) {
      case 'comes':
        newcomers.enter(id, 'en', 't');
        here.push(id);
        start(id);
        break;
      case 'comesElsewhere':
        elsewhere.push(id);
        start(id);
        break;
      case 'answered':
        newcomers.answered(id, true);
        break;
      case 'served':
        truth.waiting.delete(id);
        newcomers.served(id);
        break;
      case 'ends':
        truth.waiting.delete(id);
        truth.running.delete(id);
        newcomers.ended(id);
        break;
      case 'leaves':
        newcomers.left(id);
        break;
      case 'passes':
        jest.advanceTimersByTime(each.ms);
        if (Date.now() - list.askedMs > LIST_MS) {
          list = truth.list(each.lagMs);
          count = truth.count(each.lagMs, startedMs);
        }
        break;
      default:
        each satisfies never;
    }
    truth.changed();
    const listed = list.ids.filter((one) => elsewhere.includes(one)).length;
    const unseen = elsewhere.filter((one) => truth.waiting.has(one)).length - listed;
    const waiting = newcomers.waiting('en', list) + unseen;
    check({ waiting, open: newcomers.open('t', count) }, truth);
  }
}

test('how many of those let in here wait is known at every moment, however late the list is', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      play(steps, ({ waiting }, truth) => expect(waiting).toBe(truth.waiting.size));
    }),
    { seed: 41, numRuns: 500 },
  );
});

test('of the sessions of a tenant that came in here none is missed', () => {
  const fromHere = step.filter(({ what }) => what !== 'comesElsewhere');
  fc.assert(
    fc.property(fc.array(fromHere, { maxLength: 60 }), (steps) => {
      play(steps, ({ open }, truth) => expect(open).toBeGreaterThanOrEqual(truth.running.size));
    }),
    { seed: 42, numRuns: 500 },
  );
});

test('a tenant’s sessions are counted once: as started here, then by the count', () => {
  const newcomers = new Newcomers();
  const open = (startedByMs: number, count: number) => newcomers.open('t', { startedByMs, count });
  newcomers.enter('a', 'en', 't');
  newcomers.enter('b', 'en', 'other');
  expect(open(Date.now(), 0)).toBe(1);
  jest.advanceTimersByTime(500);
  newcomers.answered('a', true);
  expect(open(Date.now() - 1, 0)).toBe(1);
  expect(open(Date.now(), 1)).toBe(1);
});

test('a session that was there before is none of those let in', () => {
  const newcomers = new Newcomers();
  newcomers.enter('a', 'en', 't');
  newcomers.answered('a', false);
  const nowMs = Date.now();
  expect(newcomers.waiting('en', { askedMs: nowMs, ids: [] })).toBe(0);
  expect(newcomers.open('t', { startedByMs: nowMs, count: 0 })).toBe(0);
});

test('a second answer, of a client that comes again, changes nothing', () => {
  const newcomers = new Newcomers();
  newcomers.enter('a', 'en', 't');
  newcomers.answered('a', true);
  newcomers.answered('a', false);
  expect(newcomers.waiting('en', { askedMs: Date.now(), ids: [] })).toBe(1);
});

test('what is over is forgotten', () => {
  const newcomers = new Newcomers();
  for (const id of ['a', 'b', 'c']) newcomers.enter(id, 'en', 't');
  newcomers.served('a');
  newcomers.ended('b');
  newcomers.left('c');
  newcomers.served('a stranger');
  jest.advanceTimersByTime(20_000);
  expect(newcomers.size).toBe(0);
});
