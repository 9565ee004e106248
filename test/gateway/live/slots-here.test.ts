import { SlotsHere } from '../../../gateway/live/slots-here.ts';
import { workerWith } from './admitted.ts';

const { jest } = import.meta;
beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a slot that is taken or freed here counts at once, before its worker has said so', () => {
  const slots = new SlotsHere();
  const reported = [workerWith('w', 3, ['old'])];
  expect(slots.free(reported)).toBe(2);
  slots.taken('new', 'w');
  expect(slots.free(reported)).toBe(1);
  slots.freed('new');
  expect(slots.free(reported)).toBe(2);
  slots.taken('old', 'w');
  expect(slots.free(reported)).toBe(2);
  slots.freed('old');
  expect(slots.free(reported)).toBe(3);
});

test('once the worker has said so nothing counts twice', () => {
  const slots = new SlotsHere();
  slots.taken('a', 'w');
  expect(slots.free([workerWith('w', 2, ['a'])])).toBe(1);
  slots.freed('a');
  expect(slots.free([workerWith('w', 2, [])])).toBe(2);
});

test('a session that moves to another worker holds one slot', () => {
  const slots = new SlotsHere();
  slots.taken('a', 'old');
  slots.taken('a', 'new');
  expect(slots.free([workerWith('old', 1, []), workerWith('new', 1, [])])).toBe(1);
});

test('of a worker that is lost, its last report is what is known', () => {
  const slots = new SlotsHere();
  slots.taken('a', 'w');
  slots.unknown('a');
  expect(slots.free([workerWith('w', 2, ['a'])])).toBe(1);
  slots.taken('b', 'w');
  slots.freed('b');
  slots.unknown('b');
  expect(slots.free([workerWith('w', 2, ['b'])])).toBe(2);
});

test('what a worker says of a session later than its reports are old is believed', () => {
  const slots = new SlotsHere();
  slots.taken('a', 'w');
  slots.freed('a');
  jest.advanceTimersByTime(6000);
  expect(slots.free([workerWith('w', 1, ['a'])])).toBe(0);
});

test('more sessions than slots, and workers that are not asked about, are no slots', () => {
  const slots = new SlotsHere();
  slots.taken('a', 'elsewhere');
  expect(slots.free([workerWith('w', 1, ['b', 'c'])])).toBe(0);
});
