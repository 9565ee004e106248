/**
 * Deletes a batch: it is ended, so that nothing more is begun; each of its sessions is deleted by its own workflow, looked
 * for until there is none; then its histories, which name them.
 */
import {
  allHandlersFinished,
  condition,
  defineSignal,
  defineUpdate,
  proxyActivities,
  setHandler,
} from '@temporalio/workflow';
import { ERASED, ERASE_NOW } from './contract.ts';
import type { EraseBatchActivities, EraseBatchInput } from './contract.ts';
import { untilClean, untilEnded } from './looks.ts';

const eraseNow = defineSignal(ERASE_NOW);
const erased = defineUpdate<boolean>(ERASED);

/** Items that one activity looks at. */
const PAGE = 50;

const activities = proxyActivities<EraseBatchActivities>({
  startToCloseTimeout: '10m',
  heartbeatTimeout: '1m',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

/** Answers how many items it has. */
async function end({ ref }: EraseBatchInput): Promise<number> {
  let items = 0;
  await untilEnded(async (force) => {
    const seen = await activities.endBatch({ ref, force });
    ({ items } = seen);
    return seen.isRunning;
  });
  return items;
}

/** Answers of how many items something was left. */
async function eraseItems({ ref }: EraseBatchInput, items: number): Promise<number> {
  let found = 0;
  for (let from = 0; from < items; from += PAGE) found += await activities.eraseItems({ ref, from, limit: PAGE });
  return found;
}

export async function eraseBatch(input: EraseBatchInput): Promise<void> {
  let asked = 1;
  let done = 0;
  setHandler(eraseNow, () => void (asked += 1));
  setHandler(erased, async () => {
    const wanted = asked;
    await condition(() => done >= wanted);
    return true;
  });
  while (done < asked) {
    const wanted = asked;
    const items = await end(input);
    await untilClean(() => eraseItems(input, items));
    await untilClean(() => activities.eraseBatchHistories({ ref: input.ref }));
    done = wanted;
    await condition(() => asked > done || allHandlersFinished());
  }
}
