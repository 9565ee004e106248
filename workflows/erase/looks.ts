/** Whoever deletes looks: whether what is to be deleted has ended, and whether anything of it is left. */
import { sleep } from '@temporalio/workflow';

/** Nothing must be found so often, one after the other: a list of Temporal's is up to a second old. */
const CLEAN_LOOKS = 2;
const BETWEEN_LOOKS_MS = 500;

/** What is cancelled writes what it has and ends; what does not within so many looks is terminated. */
const ENDS_WITHIN = 20;
const LOOK_EVERY_MS = 500;

/** Looks until it has ended. @param look cancels what runs, or terminates it by force; answers whether something did run */
export async function untilEnded(look: (force: boolean) => Promise<boolean>): Promise<void> {
  for (let looks = 1; await look(looks > ENDS_WITHIN); looks += 1) await sleep(LOOK_EVERY_MS);
}

/** Does it until nothing was found several times. @param erase answers how much it found */
export async function untilClean(erase: () => Promise<number>): Promise<void> {
  for (let clean = (await erase()) === 0 ? 1 : 0; clean < CLEAN_LOOKS;) {
    await sleep(BETWEEN_LOOKS_MS);
    clean = (await erase()) === 0 ? clean + 1 : 0;
  }
}
