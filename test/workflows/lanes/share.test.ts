import fc from 'fast-check';
import type { AskLanes } from '../../../workflows/contract.ts';
import { NO_LANES, asked, gone, isWaiting, shareOut } from '../../../workflows/lanes/share.ts';
import type { LanesState } from '../../../workflows/lanes/share.ts';

const ask = (file: string, lanes: number, turn: number, more: Partial<AskLanes> = {}): AskLanes => ({
  ...{ file, lanes, holds: 0, priority: 'normal', bound: 4, turn, life: 1000 },
  ...more,
});

/** Hears and shares out, one ask after the other. */
const after = (asks: readonly AskLanes[], from: LanesState = NO_LANES): LanesState =>
  asks.reduce((state, one) => shareOut(asked(state, one)).state, from);

const grantedOf = ({ holders }: LanesState): Record<string, number> =>
  Object.fromEntries(holders.map(({ file, granted }) => [file, granted]));

test('what is there is given to those who came first, the rest waits', () => {
  const state = after([ask('a', 3, 1), ask('b', 3, 1)]);
  expect(grantedOf(state)).toEqual({ a: 3, b: 1 });
  expect(isWaiting(state)).toBe(true);
});

test('a higher priority goes first; what is held is never taken away', () => {
  const held = after([ask('a', 3, 1)]);
  const state = after(
    [ask('low', 1, 1, { priority: 'low' }), ask('high', 2, 1, { priority: 'high' }), ask('a', 1, 2, { holds: 3 })],
    held,
  );
  expect(grantedOf(state)).toEqual({ a: 1, low: 1, high: 2 });
});

test('a file that is done gives its lanes to others; one that is gone too', () => {
  const state = after([ask('a', 4, 1), ask('b', 2, 1), ask('a', 0, 2, { holds: 4 })]);
  expect(grantedOf(state)).toEqual({ b: 2 });
  expect(shareOut(gone(state, 'b')).state.holders).toEqual([]);
});

test('an ask that is overtaken by the last one of its file holds no lane for ever', () => {
  const state = after([ask('a', 4, 1), ask('a', 0, 3), ask('a', 1, 2, { holds: 1 })]);
  expect(state.holders).toEqual([]);
});

test('a new file of the same id is granted lanes, whatever the old one was thought to hold', () => {
  const left = after([ask('a', 1, 7)]);
  const { grants } = shareOut(asked(left, ask('a', 1, 1, { life: 2000 })));
  expect(grants).toMatchObject([{ file: 'a', granted: 1, turn: 1, life: 2000 }]);
});

test('what an old file of the same id asks late is not heard for the new one', () => {
  const state = after([ask('a', 2, 1, { life: 2000 }), ask('a', 0, 9, { life: 1000 })]);
  expect(grantedOf(state)).toEqual({ a: 2 });
  const ended = after([ask('a', 0, 2, { life: 2000 }), ask('a', 2, 8, { life: 1000 })], state);
  expect(ended.holders).toEqual([]);
});

test('a file that asks again and was granted lanes all the same is told them again', () => {
  const state = after([ask('a', 2, 1)]);
  expect(shareOut(asked(state, ask('a', 2, 1))).grants).toMatchObject([{ file: 'a', granted: 2 }]);
});

test('a file of an earlier version says neither what it holds nor when it began', () => {
  const of = (lanes: number, turn: number): AskLanes => ({ file: 'a', lanes, priority: 'normal', bound: 4, turn });
  expect(grantedOf(after([of(3, 1), of(2, 2)]))).toEqual({ a: 2 });
  expect(after([of(3, 1), of(0, 2)]).holders).toEqual([]);
});

test('ends that are remembered are bounded', () => {
  const asks = Array.from({ length: 500 }, (_, i) => [ask(`f${i}`, 1, 1), ask(`f${i}`, 0, 2)]).flat();
  expect(after(asks).ended).toHaveLength(100);
});

test('in whatever order the asks of files come, the newest of each counts and no more is out than there is', () => {
  const file = fc.constantFrom('a', 'b', 'c', 'd');
  const one = fc.record({ file, lanes: fc.nat(5), turn: fc.nat(20), life: fc.nat(2), holds: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 40 }), (asks) => {
      // A file holds no more than it was granted: here nothing that it was granted has reached it.
      const state = after(asks.map((it) => ask(it.file, it.lanes, it.turn, { life: it.life })));
      expect(state.holders.reduce((sum, { granted }) => sum + granted, 0)).toBeLessThanOrEqual(state.bound || 4);
      for (const [name, of] of Map.groupBy(asks, (it) => it.file)) {
        const newest = of.reduce((a, b) => ((b.life - a.life || b.turn - a.turn) < 0 ? a : b));
        const wanted = state.holders.find((holder) => holder.file === name)?.wanted ?? 0;
        expect({ name, wanted }).toEqual({ name, wanted: newest.lanes });
      }
    }),
  );
});
