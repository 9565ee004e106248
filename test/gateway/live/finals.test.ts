import { Finals } from '../../../gateway/live/finals.ts';
import type { Segment } from '../../../workflows/contract.ts';
import { turns } from '../../harness/quiet.ts';
import { segment } from '../../workflows/session/given.ts';

const segments = (from: number, to: number): Segment[] =>
  Array.from({ length: to - from }, (_, i) => segment(from + i));

interface Setup {
  readonly finals: Finals;
  readonly given: number[];
  readonly fetched: number[];
  /** Segments [0, n) are committed. */
  committed: number;
  failures: number;
  fault: Error;
  readonly broken: unknown[];
  gate: Promise<unknown>;
  /** null: the reader has room. */
  room: Promise<unknown> | null;
}

function setup(next = 0): Setup {
  const given: number[] = [];
  const fetched: number[] = [];
  const fetch = async (from: number): Promise<readonly Segment[]> => {
    fetched.push(from);
    await it.gate;
    if (it.failures > 0) {
      it.failures -= 1;
      throw it.fault;
    }
    return segments(from, it.committed);
  };
  const finals = new Finals(next, fetch, {
    give: ({ index }) => given.push(index),
    room: () => it.room,
    broken: (error) => it.broken.push(error),
  });
  const it: Setup = {
    finals,
    given,
    fetched,
    broken: [],
    committed: 0,
    failures: 0,
    fault: new Error('away'),
    gate: Promise.resolve(),
    room: null,
  };
  return it;
}

test('gives finals as they come', () => {
  const { finals, given, fetched } = setup();
  finals.offer(segments(0, 2));
  finals.offer(segments(2, 3));
  expect(given).toEqual([0, 1, 2]);
  expect(fetched).toEqual([]);
});

test('gives a final once, however often it comes', () => {
  const { finals, given } = setup();
  finals.offer(segments(0, 2));
  finals.offer(segments(0, 3));
  finals.offer(segments(1, 2));
  expect(given).toEqual([0, 1, 2]);
});

test('begins where the client says, and does not repeat what it has', async () => {
  const it = setup(2);
  it.committed = 4;
  it.finals.know(4);
  await it.finals.drained();
  expect(it.given).toEqual([2, 3]);
  expect(it.fetched).toEqual([2]);
});

test('fetches what another gateway committed, and keeps the order with what comes meanwhile', async () => {
  const it = setup();
  it.committed = 3;
  const gate = Promise.withResolvers<undefined>();
  it.gate = gate.promise;
  it.finals.know(3);
  it.finals.offer(segments(3, 5));
  it.finals.know(2);
  await turns();
  expect(it.given).toEqual([]);
  gate.resolve(undefined);
  await it.finals.drained();
  expect(it.given).toEqual([0, 1, 2, 3, 4]);
  expect(it.fetched).toEqual([0]);
});

test('fetches again when it failed, or when the workflow did not know yet', async () => {
  const it = setup();
  it.failures = 1;
  it.committed = 0;
  it.finals.know(2);
  await turns();
  it.committed = 2;
  await it.finals.drained();
  expect(it.given).toEqual([0, 1]);
});

test('finals that storage gives back damaged again and again are told as such, and nothing waits for them', async () => {
  const it = setup();
  it.fault = Object.assign(new Error('spoilt'), { reason: 'storage_corruption' });
  it.failures = 3;
  it.committed = 1;
  it.finals.know(1);
  await it.finals.drained();
  expect([it.given, it.broken]).toEqual([[0], []]);
  it.failures = Infinity;
  it.finals.know(2);
  await it.finals.drained();
  expect([it.given, it.broken]).toEqual([[0], [it.fault]]);
});

test('does not ask without a pause when what it needs is missing from the answer', async () => {
  const fetched: number[] = [];
  const given: number[] = [];
  const finals = new Finals(
    0,
    (from) => {
      fetched.push(from);
      // The first segment is to be had only later.
      return Promise.resolve(fetched.length < 2 ? segments(1, 3) : segments(0, 3));
    },
    { give: ({ index }) => given.push(index), room: () => null, broken: () => undefined },
  );
  finals.know(3);
  await turns(50);
  expect(fetched).toHaveLength(1);
  await finals.drained();
  expect(given).toEqual([0, 1, 2]);
  expect(fetched).toHaveLength(2);
});

test('is drained at once when nothing is missing, and when it is closed', async () => {
  const it = setup(3);
  await it.finals.drained();
  it.gate = new Promise(() => undefined);
  it.finals.know(9);
  const drained = it.finals.drained();
  it.finals.close();
  await drained;
  it.finals.offer(segments(3, 9));
  expect(it.given).toEqual([]);
});

test('tells everyone who waits that it is drained', async () => {
  const it = setup();
  it.committed = 1;
  it.finals.know(1);
  await Promise.all([it.finals.drained(), it.finals.drained()]);
  expect(it.given).toEqual([0]);
});

describe('a reader without room', () => {
  test('is given what it missed when it has room again, in order and once, with what comes meanwhile', async () => {
    const it = setup();
    it.committed = 3;
    const room = Promise.withResolvers<undefined>();
    it.room = room.promise;
    it.finals.know(3);
    await turns();
    it.finals.offer(segments(3, 5));
    it.finals.offer(segments(2, 4));
    await turns();
    expect(it.given).toEqual([]);
    it.room = null;
    room.resolve(undefined);
    await it.finals.drained();
    expect(it.given).toEqual([0, 1, 2, 3, 4]);
  });

  test('is given new finals all the same once it has what it missed', async () => {
    const it = setup();
    it.committed = 1;
    it.finals.know(1);
    await it.finals.drained();
    it.room = new Promise(() => undefined);
    it.finals.offer(segments(1, 3));
    expect(it.given).toEqual([0, 1, 2]);
  });

  test('has what is more than may wait fetched later, and nothing skipped', async () => {
    const it = setup();
    it.committed = 1;
    const room = Promise.withResolvers<undefined>();
    it.room = room.promise;
    it.finals.know(1);
    await turns();
    it.finals.offer(segments(1, 3000));
    for (let index = 3000; index < 3010; index += 1) it.finals.offer(segments(index, index + 1));
    it.committed = 3010;
    it.room = null;
    room.resolve(undefined);
    await it.finals.drained();
    expect(it.given).toEqual(Array.from({ length: 3010 }, (_, index) => index));
    expect(it.fetched).toEqual([0, 3000]);
  });

  test('that is closed is given nothing more', async () => {
    const it = setup();
    it.committed = 2;
    const room = Promise.withResolvers<undefined>();
    it.room = room.promise;
    it.finals.know(2);
    await turns();
    it.finals.close();
    room.resolve(undefined);
    await turns();
    expect(it.given).toEqual([]);
  });
});
