import fc from 'fast-check';
import { cutSpans, FRAME_BYTES, LoudnessMeter, spanBytesFor } from '../../activities/spans.ts';

const LOUD = 4_000_000;
const QUIET = 100;

test('spans follow each other from 0 to the end, even, none empty, none too long', () => {
  const levels = fc.array(fc.oneof(fc.constant(0), fc.constant(QUIET), fc.double({ min: 0, max: LOUD, noNaN: true })), {
    maxLength: 400,
  });
  fc.assert(
    fc.property(levels, fc.nat(400 * FRAME_BYTES), fc.integer({ min: 1, max: 60 }), (given, samples, target) => {
      const total = samples * 2;
      const spans = cutSpans(given, total, target * FRAME_BYTES);
      let at = 0;
      for (const { fromByte, toByte } of spans) {
        expect(fromByte).toBe(at);
        expect(toByte).toBeGreaterThan(fromByte);
        expect(fromByte % 2).toBe(0);
        expect(toByte - fromByte).toBeLessThanOrEqual(1.5 * Math.max(4, target) * FRAME_BYTES);
        at = toByte;
      }
      expect(at).toBe(total);
      for (const { fromByte, toByte } of spans.slice(0, -1)) {
        expect(toByte - fromByte).toBeGreaterThanOrEqual(Math.floor(0.75 * Math.max(4, target)) * FRAME_BYTES);
      }
    }),
  );
});

/** Levels of `frames` frames, loud but for the given stretches. */
function levelsOf(frames: number, quiet: readonly (readonly [number, number])[], level = QUIET): number[] {
  const levels = new Array<number>(frames).fill(LOUD);
  for (const [from, to] of quiet) levels.fill(level, from, to);
  return levels;
}

const cuts = (levels: number[], target: number): number[] =>
  cutSpans(levels, levels.length * FRAME_BYTES, target * FRAME_BYTES)
    .slice(1)
    .map(({ fromByte }) => fromByte / FRAME_BYTES);

test('a cut lies in the middle of the longest silence around its target', () => {
  expect(
    cuts(
      levelsOf(200, [
        [78, 80],
        [90, 110],
        [118, 122],
      ]),
      100,
    ),
  ).toEqual([100]);
  expect(
    cuts(
      levelsOf(200, [
        [80, 90],
        [100, 103],
      ]),
      100,
    ),
  ).toEqual([85]);
});

test('of silences of equal length the one nearest to the target is taken', () => {
  expect(
    cuts(
      levelsOf(200, [
        [78, 82],
        [104, 108],
        [118, 122],
      ]),
      100,
    ),
  ).toEqual([106]);
});

test('a silence outside the search around the target is not taken', () => {
  expect(
    cuts(
      levelsOf(200, [
        [20, 70],
        [96, 98],
      ]),
      100,
    ),
  ).toEqual([97]);
});

test('in a noisy recording the least noisy stretch counts as silence', () => {
  expect(cuts(levelsOf(200, [[110, 120]], LOUD / 100), 100)).toEqual([115]);
});

test('where nothing is quieter than the rest the target itself is cut at', () => {
  expect(cuts(levelsOf(400, []), 100)).toEqual([100, 200, 300]);
});

test('audio up to one and a half times the target is one span; none is none', () => {
  expect(cutSpans([], 0, 1000 * FRAME_BYTES)).toEqual([]);
  expect(cutSpans([], 2, 1000 * FRAME_BYTES)).toEqual([{ fromByte: 0, toByte: 2 }]);
  expect(cuts(levelsOf(150, []), 100)).toEqual([]);
});

test.each([
  ['a minute', 1, 60],
  ['24 minutes', 24, 60],
  ['an hour', 60, 150],
  ['two hours', 120, 300],
  ['a day', 24 * 60, 300],
  ['a year', 365 * 24 * 60, 1576.8],
])('of %s the spans are a minute long, or longer where there are enough of them', (_, minutes, seconds) => {
  expect(spanBytesFor(minutes * 60 * 32_000, 60 * 32_000)).toBe(seconds * 32_000);
});

test('refuses half a sample', () => {
  expect(() => cutSpans([], 3, FRAME_BYTES)).toThrow('3 bytes are not whole samples');
});

test('loudness is the mean square of each 20 ms, however the stream is cut up', () => {
  const samples = Int16Array.from({ length: 320 * 5 + 17 }, (_, index) =>
    index < 320 ? 0 : index < 640 ? -32768 : index,
  );
  const pcm = new Uint8Array(samples.buffer);
  const expected = [0, 1, 2, 3, 4].map((frame) =>
    Math.fround(samples.slice(frame * 320, frame * 320 + 320).reduce((sum, value) => sum + value * value, 0) / 320),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (lengths) => {
      const meter = new LoudnessMeter();
      for (let at = 0, turn = 0; at < pcm.byteLength; turn += 1) {
        const next = at + (lengths[turn % lengths.length] ?? 1) * 2;
        meter.add(pcm.subarray(at, next));
        at = next;
      }
      expect(Array.from(meter.levels())).toEqual(expected);
    }),
  );
});

test('hours of audio are measured in a few megabytes', () => {
  const meter = new LoudnessMeter();
  const minute = new Uint8Array(60_000 * 32);
  for (let at = 0; at < 20; at += 1) meter.add(minute);
  expect(meter.levels().byteLength).toBe(20 * 3000 * 4);
});
