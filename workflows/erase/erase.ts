/**
 * Deletes everything of a session, and is not done before it has looked and found nothing. In this order, so that nothing
 * comes back: the session is ended, and takes nothing more (the fence); its objects are deleted while its ended workflow
 * still holds the id, so that no new session can begin under it; then its histories. Who writes late all the same (an
 * activity that was not told, a gateway that was cut off) is swept up after.
 */
import { condition, defineSignal, defineUpdate, proxyActivities, setHandler } from '@temporalio/workflow';
import { ERASED, ERASE_NOW } from './contract.ts';
import type { RetentionActivities } from '../retention/contract.ts';
import type { EraseActivities, EraseInput } from './contract.ts';
import { untilClean, untilEnded } from './looks.ts';

const eraseNow = defineSignal(ERASE_NOW);
const erased = defineUpdate<boolean>(ERASED);

/** When it is looked again: no activity of a session that has ended goes on for longer than ten minutes unheard. */
const LATE_LOOKS_MS = [5000, 60_000, 660_000] as const;

const activities = proxyActivities<EraseActivities>({
  startToCloseTimeout: '5m',
  heartbeatTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '30s' },
});

const settings = proxyActivities<Pick<RetentionActivities, 'retentionOf'>>({ startToCloseTimeout: '10s' });

class Erasure {
  readonly input: EraseInput;
  asked = 0;
  done = 0;
  uploadIds: readonly string[] = [];

  constructor(input: EraseInput) {
    this.input = input;
  }

  get isWanted(): boolean {
    return this.asked > this.done;
  }
}

async function endAll(run: Erasure): Promise<void> {
  const { ref } = run.input;
  await untilEnded(async (force) => {
    const { running, uploadIds } = await activities.endSession({ ref, force });
    run.uploadIds = [...new Set([...run.uploadIds, ...uploadIds])];
    return running > 0;
  });
}

async function eraseAll(run: Erasure): Promise<void> {
  const asked = Math.max(1, run.asked);
  const { ref } = run.input;
  await endAll(run);
  // It has ended, and while its history is there no other can begin under its id.
  const endedMs = Date.now();
  await untilClean(() => activities.eraseObjects({ ref, uploadIds: run.uploadIds }));
  await untilClean(() => activities.eraseHistories({ ref, endedMs }));
  run.asked = Math.max(run.asked, asked);
  run.done = asked;
}

/** Answers when the id has a session again, or nothing can come late any more, or it is to be deleted once more. */
async function sweepLate(run: Erasure): Promise<void> {
  const { ref } = run.input;
  for (const waitMs of LATE_LOOKS_MS) {
    if (await condition(() => run.isWanted, waitMs)) return;
    const { isTaken } = await activities.eraseStray({ ref, uploadIds: run.uploadIds });
    if (isTaken) return;
  }
}

/** Answers false when the session is to be kept for ever, as it is set by then. */
async function untilDue(run: Erasure): Promise<boolean> {
  const { ref, closedMs } = run.input;
  for (let dueMs = run.input.dueMs; ;) {
    const waitMs = dueMs - Date.now();
    if (waitMs > 0) await condition(() => run.isWanted, waitMs);
    if (run.isWanted || closedMs === undefined) return true;
    // It may have been set anew since this was scheduled.
    const keepMs = await settings.retentionOf(ref.tenant);
    if (keepMs === 0) return false;
    dueMs = closedMs + keepMs;
    if (dueMs <= Date.now()) return true;
  }
}

export async function erase(input: EraseInput): Promise<void> {
  const run = new Erasure(input);
  setHandler(eraseNow, () => void (run.asked += 1));
  setHandler(erased, async () => {
    const { asked } = run;
    await condition(() => run.done >= asked);
    return true;
  });
  if (!(await untilDue(run))) return;
  do {
    await eraseAll(run);
    await sweepLate(run);
  } while (run.isWanted);
}
