import { getEventListeners } from 'node:events';
import { Turn } from '../../../gateway/temporal/turn.ts';

const { jest } = import.meta;
beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a turn is over with its time, or with the whole, which may be over before it', () => {
  const whole = new AbortController();
  const first = new Turn(whole.signal, 100);
  jest.advanceTimersByTime(99);
  expect(first.signal.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  expect([first.signal.aborted, whole.signal.aborted]).toEqual([true, false]);
  const second = new Turn(whole.signal, 100);
  whole.abort();
  expect(second.signal.aborted).toBe(true);
  expect(new Turn(whole.signal, 100).signal.aborted).toBe(true);
});

test('a turn that has ended leaves nothing on the whole, however many there were', () => {
  const whole = new AbortController();
  for (let i = 0; i < 100; i += 1) {
    const turn = new Turn(whole.signal, 100);
    if (i % 2 === 0) jest.advanceTimersByTime(100);
    turn.end();
  }
  expect(getEventListeners(whole.signal, 'abort')).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
});
