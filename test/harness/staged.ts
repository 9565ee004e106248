/** Tests of one suite that share a stage. */
import { Stage } from './workflow-stage.ts';
import type { Cast } from './workflow-stage.ts';

type On<T> = (title: string, play: (here: Stage, made: T) => Promise<void>) => void;

/**
 * Opens a stage for the suite, and answers how its tests are written. Where the stage cannot be had, which is said, they do nothing.
 * @param prefix of the names that tests are given, each its own
 */
export function staged(suite: string, prefix: string): On<Cast>;
/** @param make what a test is given instead of the cast of its name */
export function staged<T>(suite: string, prefix: string, make: (here: Stage, name: string) => T): On<T>;
export function staged(
  suite: string,
  prefix: string,
  make: (here: Stage, name: string) => unknown = (here, name) => here.cast(name),
): On<never> {
  let stage: Stage | null = null;
  let names = 0;
  beforeAll(async () => {
    stage = await Stage.open(suite);
  }, 120_000);
  afterAll(() => stage?.close(), 30_000);
  return (title, play) =>
    test(
      title,
      async () => {
        if (stage === null) return;
        names += 1;
        await play(stage, make(stage, `${prefix}${names}`) as never);
      },
      60_000,
    );
}
