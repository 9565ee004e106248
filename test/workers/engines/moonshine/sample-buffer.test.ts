import { SampleBuffer } from '../../../../workers/engines/moonshine/sample-buffer.ts';

const bytesOf = (samples: readonly number[]): Uint8Array => new Uint8Array(Int16Array.from(samples).buffer);
const filled = (from: number, samples: readonly number[], max = 1 << 20): SampleBuffer => {
  const buffer = new SampleBuffer(from, max);
  buffer.append(bytesOf(samples));
  return buffer;
};

test('samples are found by their number in the session, as numbers between -1 and 1, padded with silence', () => {
  const buffer = filled(100, [0, 16_384, -32_768, 8192]);
  expect([...buffer.slice(101, 104, 2)]).toEqual([0.5, -1, 0.25, 0, 0]);
  expect(buffer.end).toBe(104);
});

test('bytes at an odd place in their memory are read as well', () => {
  const buffer = new SampleBuffer(0, 100);
  buffer.append(Uint8Array.of(9, 0, 64, 0, 192).subarray(1));
  expect([...buffer.slice(0, 2, 0)]).toEqual([0.5, -0.5]);
});

test('it grows up to its bound and no further', () => {
  const buffer = filled(0, new Array<number>(200_000).fill(1), 200_100);
  expect(() => buffer.append(new Uint8Array(400))).toThrow('more than 200100 samples');
});

test('what is forgotten makes room, and is not answered', () => {
  const buffer = filled(0, new Array<number>(130_000).fill(1), 140_000);
  buffer.forget(120_000);
  for (let i = 0; i < 10; i++) buffer.append(bytesOf(new Array<number>(10_000).fill(2)));
  expect([...buffer.slice(129_999, 130_001, 0)]).toEqual([1 / 32_768, 2 / 32_768]);
  expect(() => buffer.slice(119_999, 130_000, 0)).toThrow('not held');
});

test('the quietest 40 ms are found, to 10 ms', () => {
  const samples = Array.from({ length: 16_000 }, (_, i) => (i >= 8000 && i < 8640 ? 3 : 1000));
  expect(Math.abs(filled(500, samples).quietest(2000, 16_000) - 8820)).toBeLessThanOrEqual(80);
});
