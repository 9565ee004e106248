import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 50;

/** Looks again and again until what is seen is as it should be. Says what was seen last when that takes too long. */
export async function until<T>(
  what: string,
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > untilMs)
      throw new Error(`not within ${withinMs} ms: ${what}; seen ${JSON.stringify(seen)}`);
    await pause(EVERY_MS);
  }
}

/** Looks again and again until it holds. */
export const untilHolds = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
  await until('it holds', holds, (seen) => seen, 90_000);
};
