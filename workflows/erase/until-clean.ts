/** Deletes until there is nothing: what is deleted is looked for afterwards. */
import { sleep } from '@temporalio/workflow';

/** Nothing must be found so often, one after the other: a list of Temporal's is up to a second old. */
const CLEAN_LOOKS = 2;
const BETWEEN_LOOKS_MS = 500;

/** Does it until nothing was found several times. @param erase answers how much it found */
export async function untilClean(erase: () => Promise<number>): Promise<void> {
  for (let clean = (await erase()) === 0 ? 1 : 0; clean < CLEAN_LOOKS;) {
    await sleep(BETWEEN_LOOKS_MS);
    clean = (await erase()) === 0 ? clean + 1 : 0;
  }
}
