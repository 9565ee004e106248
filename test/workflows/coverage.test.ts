import * as fc from 'fast-check';
import { atMost, holeOf, holesIn, joined } from '../../workflows/coverage.ts';
import type { Span } from '../../workflows/contract.ts';

const span = (fromByte: number, toByte: number): Span => ({ fromByte, toByte });
const segment = (startByte: number, endByte: number) => ({ startByte, endByte });
const S = 32_000;

test('all that was heard and told is no hole', () => {
  const coverage = { fromByte: 0, toByte: null, throughByte: 3 * S, holes: [] };
  expect(holesIn([segment(0, S), segment(2 * S, 3 * S)], coverage, 3 * S)).toEqual([]);
});

test('stored audio behind what was heard is a hole, save a rest that holds no word', () => {
  const coverage = { fromByte: 0, toByte: null, throughByte: S, holes: [] };
  expect(holesIn([segment(0, S)], coverage, 4 * S)).toEqual([span(S, 4 * S)]);
  expect(holesIn([segment(0, S)], coverage, S + 3000)).toEqual([]);
});

test('a hole that another recogniser has filled meanwhile is none', () => {
  const coverage = { fromByte: 0, toByte: null, throughByte: 9 * S, holes: [span(2 * S, 5 * S)] };
  expect(holesIn([segment(0, S), segment(3 * S, 4 * S)], coverage, 9 * S)).toEqual([
    span(2 * S, 3 * S),
    span(4 * S, 5 * S),
  ]);
});

test('a span of a file counts its own bytes only', () => {
  const coverage = {
    fromByte: 2 * S,
    toByte: 4 * S,
    throughByte: 3 * S,
    holes: [span(S, 2.5 * S), span(3 * S, 9 * S)],
  };
  expect(holesIn([], coverage, 0)).toEqual([span(2 * S, 2.5 * S), span(3 * S, 4 * S)]);
});

test('a hole is shown in milliseconds of audio', () => {
  expect(holeOf(span(S, 2 * S))).toEqual({ startMs: 1000, endMs: 2000 });
});

const stretches = fc.array(
  fc.tuple(fc.nat(500), fc.nat(60)).map(([from, length]) => span(from * 100, (from + length) * 100)),
  { maxLength: 30 },
);
const covers = (spans: readonly Span[], byte: number): boolean =>
  spans.some(({ fromByte, toByte }) => byte >= fromByte && byte < toByte);

test('joined: the same bytes, in order, nothing touches', () => {
  fc.assert(
    fc.property(stretches, (given) => {
      const result = joined(given);
      for (let byte = 50; byte < 56_000; byte += 100) expect(covers(result, byte)).toBe(covers(given, byte));
      result.slice(1).forEach(({ fromByte }, i) => expect(fromByte).toBeGreaterThan(result[i]?.toByte ?? 0));
    }),
    { numRuns: 50 },
  );
});

test('too many become fewer without losing a byte', () => {
  fc.assert(
    fc.property(stretches, fc.integer({ min: 1, max: 5 }), (given, count) => {
      const result = atMost(count, given);
      expect(result.length).toBeLessThanOrEqual(count);
      for (let byte = 50; byte < 56_000; byte += 100) if (covers(given, byte)) expect(covers(result, byte)).toBe(true);
    }),
    { numRuns: 50 },
  );
});
