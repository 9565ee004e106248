/** Receivers of webhooks, as Temporal knows them: one that is disabled is a workflow that runs (workflows/webhook/receiver.ts). */
import { WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { receiverWorkflowId } from '../workflows/webhook/contract.ts';

const DEADLINE_MS = 5000;

export async function isDisabled(client: Client, tenant: string, receiver: string): Promise<boolean> {
  try {
    const handle = client.workflow.getHandle(receiverWorkflowId(tenant, receiver));
    const { status } = await client.withDeadline(Date.now() + DEADLINE_MS, () => handle.describe());
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
