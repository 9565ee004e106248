/**
 * The lanes of one tenant: bounds how many spans of all its files run side by side. Files ask by signal and are granted by
 * signal, in absolute numbers, so that a signal that comes twice does no harm. A file that ends without giving its lanes
 * back (terminated from outside) is found by a grant that does not reach it.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { SIGNAL } from '../contract.ts';
import type { AskLanes, GrantLanes } from '../contract.ts';
import { asked, gone, isWaiting, NO_LANES, shareOut } from './share.ts';
import type { Holder, LanesState } from './share.ts';

const askSignal = defineSignal<[AskLanes]>(SIGNAL.askLanes);
const grantSignal = defineSignal<[GrantLanes]>(SIGNAL.grantLanes);

/** While files wait, those that hold lanes are told again, which shows who is gone. */
const CHECK_MS = 60_000;
/** With no file left it ends; the next one begins it anew. */
const IDLE_MS = 60_000;
const ROTATE_AFTER_EVENTS = 2000;

export async function lanes(tenant: string, carried: LanesState = NO_LANES): Promise<void> {
  let state = carried;
  let sending = 0;
  setHandler(askSignal, (ask) => void (state = asked(state, ask)));
  const tell = ({ file, granted, turn, life }: Holder): void => {
    sending += 1;
    getExternalWorkflowHandle(file)
      .signal(grantSignal, { lanes: granted, turn, ...(life === undefined ? {} : { life }) })
      .catch((error: unknown) => {
        if (!isCancellation(error)) state = gone(state, file);
      })
      .finally(() => (sending -= 1));
  };
  const share = (): void => {
    const shared = shareOut(state);
    state = shared.state;
    shared.grants.forEach(tell);
  };
  for (;;) {
    share();
    const { holders } = state;
    const isFull = () => workflowInfo().historyLength >= ROTATE_AFTER_EVENTS;
    const changed = () => state.holders !== holders || isFull();
    if (isFull()) break;
    if (isWaiting(state)) {
      if (!(await condition(changed, CHECK_MS))) holders.filter(({ granted }) => granted > 0).forEach(tell);
    } else if (holders.length > 0) await condition(changed);
    else if (!(await condition(changed, IDLE_MS))) return;
  }
  await CancellationScope.nonCancellable(() => condition(() => sending === 0));
  await continueAsNew<typeof lanes>(tenant, state);
}
