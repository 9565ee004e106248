import { OUT_RATE, Resampler, toS16le } from '../../../gateway/page/resampler.js';

const tone = (hz: number, rate: number, seconds: number): Float32Array =>
  Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));

/** The samples, given in pieces of the size an AudioWorklet gives. */
function resampled(input: Float32Array, rate: number, piece = 128): Float32Array {
  const resampler = new Resampler(rate);
  const parts: Float32Array[] = [];
  for (let i = 0; i < input.length; i += piece) parts.push(resampler.push(input.subarray(i, i + piece)));
  parts.push(resampler.flush());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

const middle = (samples: Float32Array): Float32Array => samples.subarray(200, -200);
const loudness = (samples: Float32Array): number =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

test.each([8000, 22_050, 44_100, 48_000, 96_000])('a tone keeps its pitch, place and loudness from %i Hz', (rate) => {
  const output = middle(resampled(tone(1000, rate, 1), rate));
  const ideal = middle(tone(1000, OUT_RATE, 1).subarray(0, output.length + 400));
  const error = output.map((sample, i) => sample - (ideal[i] ?? 0));
  expect(loudness(error)).toBeLessThan(0.002);
});

test('what 16 kHz cannot hold is taken away', () => {
  expect(loudness(middle(resampled(tone(10_000, 48_000, 1), 48_000)))).toBeLessThan(0.001);
});

test('the length of the audio is kept', () => {
  for (const rate of [44_100, 48_000]) {
    expect(Math.abs(resampled(new Float32Array(rate * 2), rate).length - 2 * OUT_RATE)).toBeLessThan(3);
  }
});

test('the same samples come, however they are cut', () => {
  const input = tone(440, 44_100, 0.2);
  expect(resampled(input, 44_100, 1)).toEqual(resampled(input, 44_100, 5000));
});

test('16 kHz passes through untouched', () => {
  const input = tone(440, OUT_RATE, 0.1);
  expect(resampled(input, OUT_RATE)).toEqual(input);
});

test('samples become s16le, and louder ones are clipped', () => {
  expect([...toS16le(Float32Array.of(0, 1, -1, 2, -2, 0.5))]).toEqual([
    ...[0, 0],
    ...[0xff, 0x7f],
    ...[0x01, 0x80],
    ...[0xff, 0x7f],
    ...[0x01, 0x80],
    ...[0x00, 0x40],
  ]);
});
