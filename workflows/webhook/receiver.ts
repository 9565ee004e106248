/**
 * A receiver that has answered 410 Gone: as long as this runs, nothing is sent there. So the list of disabled receivers is
 * Temporal's, and why and since when each one is disabled is in its history.
 */
import { condition, defineSignal, setHandler, upsertSearchAttributes } from '@temporalio/workflow';
import { stateAttribute } from '../attributes.ts';
import { ENABLE } from './contract.ts';
import type { ReceiverInput } from './contract.ts';

const enableSignal = defineSignal(ENABLE);

export async function receiver(_input: ReceiverInput): Promise<void> {
  let isEnabled = false;
  setHandler(enableSignal, () => void (isEnabled = true));
  await condition(() => isEnabled);
  upsertSearchAttributes(stateAttribute('enabled'));
}
