import { Resampler } from '../../../gateway/audio/resampler.ts';
import { SAMPLE_RATES } from '../../../gateway/protocol.ts';

const OUT = 16_000;
const RATES = SAMPLE_RATES.filter((rate) => rate !== OUT);

const tone = (rate: number, hz: number, seconds: number): Float32Array =>
  Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hz * i) / rate));

function resampled(rate: number, input: Float32Array): Float32Array {
  const resampler = new Resampler(rate, 0, 0);
  const [head, tail] = [resampler.push(input), resampler.flush()];
  return Float32Array.from([...head, ...tail]);
}

/** Amplitude and phase of the part of a signal that has one frequency, over whole periods in its middle. */
function partAt(signal: Float32Array, hz: number): { level: number; phase: number } {
  const from = 1600;
  const to = signal.length - 1600;
  let cos = 0;
  let sin = 0;
  for (let i = from; i < to; i += 1) {
    const angle = (2 * Math.PI * hz * i) / OUT;
    cos += (signal[i] ?? 0) * Math.cos(angle);
    sin += (signal[i] ?? 0) * Math.sin(angle);
  }
  const scale = 2 / (to - from);
  return { level: Math.hypot(cos, sin) * scale, phase: Math.atan2(cos, sin) };
}

const rms = (signal: Float32Array): number =>
  Math.sqrt(signal.subarray(1600, -1600).reduce((sum, x) => sum + x * x, 0) / (signal.length - 3200));

const dB = (ratio: number): number => 20 * Math.log10(ratio);

test.each(RATES)('a tone of 1 kHz at %d Hz keeps its frequency, level and place', (rate) => {
  const out = resampled(rate, tone(rate, 1000, 1));
  const { level, phase } = partAt(out, 1000);
  expect(Math.abs(dB(level / 0.5))).toBeLessThan(0.05);
  // A hundredth of a radian at 1 kHz is 1.6 microseconds: the audio is not shifted.
  expect(Math.abs(phase)).toBeLessThan(0.01);
  // All of the energy is in that tone.
  expect(dB((rms(out) * Math.SQRT2) / level)).toBeLessThan(0.01);
});

test.each(RATES.filter((rate) => rate > 20_000))('what 16 kHz cannot hold is gone from audio at %d Hz', (rate) => {
  for (let hz = 10_500; hz < rate / 2; hz += 700) {
    expect(dB(rms(resampled(rate, tone(rate, hz, 0.4))) / rms(tone(rate, hz, 0.4)))).toBeLessThan(-50);
  }
});

test.each(RATES)('silence and a constant stay what they are at %d Hz', (rate) => {
  const flat = resampled(rate, new Float32Array(rate / 5).fill(0.25)).subarray(200, -200);
  for (const sample of flat) expect(Math.abs(sample - 0.25)).toBeLessThan(0.001);
  expect(resampled(rate, new Float32Array(rate / 5)).every((sample) => sample === 0)).toBe(true);
});

test.each(RATES)('a hundred hours into a session at %d Hz, samples are computed as at its start', (rate) => {
  const input = tone(rate, 440, 0.2);
  const hours = 100 * 3600;
  const late = new Resampler(rate, rate * hours, OUT * hours);
  const early = new Resampler(rate, 0, 0);
  expect([...late.push(input)].slice(100)).toEqual([...early.push(input)].slice(100));
});
