import { loudness, sound, SOUND_MS } from './sound.ts';

/** The made sound, and nothing else. An encoder's delay and a resampler's edges may move a border by so many steps of 50 ms. */
export function expectSound(pcm: Buffer, ms = SOUND_MS, steps = 1): void {
  expect(pcm.byteLength % 2).toBe(0);
  expect(Math.abs(pcm.byteLength / 32 - ms)).toBeLessThan(150);
  const expected = loudness(sound());
  const got = loudness(pcm);
  const wrong = Array.from(got).filter(
    (mark, at) => !near(at, steps).some((other) => (expected[other] ?? '.') === mark),
  );
  expect({ got, wrong: wrong.length }).toEqual({ got, wrong: 0 });
  expect(got).toContain('#');
}

const near = (at: number, steps: number): number[] => Array.from({ length: 2 * steps + 1 }, (_, i) => at - steps + i);
