/**
 * Whether something grows. The first third of the samples is warm-up: code is compiled, caches fill. Of the rest the slope
 * is the median of the slopes between all pairs of samples (Theil–Sen), which neither single outliers nor the teeth of a
 * saw turn. It counts as growth only if it is more than each of these: what the sessions may cost in the long run, what a
 * cache may still gain, and the noise around the slope.
 */
import { median } from '../statistics.ts';

export interface Sample {
  readonly atMs: number;
  readonly bytes: number;
  /** Live sessions then. */
  readonly sessions: number;
}

/** A session may keep so much more for each hour: 48 MiB after two days. */
const MAY_KEEP_BYTES = 1 << 20;
/** Over the whole of the time that counts, whatever the number of sessions. */
const MAY_GAIN_BYTES = 3 << 20;
/** Median deviations from the slope. */
const NOISE_TIMES = 4;

const HOUR_MS = 3_600_000;

export interface Growth {
  readonly grows: boolean;
  /** Along the slope, over the time that counts. */
  readonly grownBytes: number;
  readonly perSessionHour: number;
  /** Median distance from the slope. */
  readonly noiseBytes: number;
  /** At the begin and the end of the time that counts, along the slope. */
  readonly fromBytes: number;
  readonly toBytes: number;
}

function slopeOf(samples: readonly Sample[]): number {
  const slopes = samples.flatMap((a, i) => samples.slice(i + 1).map((b) => (b.bytes - a.bytes) / (b.atMs - a.atMs)));
  return median(slopes);
}

/** @throws RangeError with fewer than six samples: too few to tell growth from noise. */
export function growthOf(all: readonly Sample[]): Growth {
  const samples = all.slice(Math.floor(all.length / 3));
  const [first, last] = [samples[0], samples.at(-1)];
  if (all.length < 6 || first === undefined || last === undefined) throw new RangeError('six samples at least');
  const slope = slopeOf(samples);
  const offset = median(samples.map(({ atMs, bytes }) => bytes - slope * atMs));
  const noiseBytes = median(samples.map(({ atMs, bytes }) => Math.abs(bytes - offset - slope * atMs)));
  const tookMs = last.atMs - first.atMs;
  const grownBytes = slope * tookMs;
  const perSessionHour = (slope * HOUR_MS) / Math.max(1, median(samples.map(({ sessions }) => sessions)));
  const grows = perSessionHour > MAY_KEEP_BYTES && grownBytes > MAY_GAIN_BYTES && grownBytes > NOISE_TIMES * noiseBytes;
  const fromBytes = offset + slope * first.atMs;
  return { grows, grownBytes, perSessionHour, noiseBytes, fromBytes, toBytes: fromBytes + grownBytes };
}

/** The rule in words, for the report. */
export const RULE =
  `heap after a collection, last two thirds of the run: grows if its median slope is above ${MAY_KEEP_BYTES >> 20} MiB per session-hour, ` +
  `${MAY_GAIN_BYTES >> 20} MiB in all, and ${NOISE_TIMES} times the noise`;
