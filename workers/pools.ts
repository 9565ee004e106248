/** The pools of an installation: each model's scaling workflow is started, and told the policy it is to follow. */
import type { Client } from '@temporalio/client';
import { CONTROL_QUEUE, WORKFLOW } from '../workflows/contract.ts';
import { POOL_SIGNAL, poolWorkflowId } from '../workflows/pool/contract.ts';
import type { PoolInput } from '../workflows/pool/contract.ts';
import { policyFault } from '../workflows/pool/policy-fault.ts';
import type { Policy } from '../workflows/pool/policy.ts';

export interface PoolBounds {
  readonly minWorkers: number;
  readonly maxWorkers: number;
  readonly slotsPerWorker: number;
  /** Workers that are not wanted any more stay for so long. */
  readonly coolDownMs: number;
}

/** Without a policy file: workers for the sessions there are and for one more, and no calendar and no forecast. */
export const plainPolicy = ({ minWorkers, maxWorkers, slotsPerWorker, coolDownMs }: PoolBounds): Policy => ({
  timeZone: 'UTC',
  minWorkers,
  maxWorkers,
  slotsPerWorker,
  calendar: null,
  headroom: { idleSlots: 1, idleShare: 0 },
  backlog: { afterMs: 0 },
  forecast: null,
  startUp: { expectedMs: 10_000, failedAfterMs: 120_000 },
  scaleDown: { coolDownMs, hysteresisShare: 0 },
  burst: null,
  prices: null,
});

/**
 * The policies of a file, `{"<model>": {…}}`; models that it does not name follow the plain one.
 * @param parse checks one policy's fields; throws what is wrong
 * @throws Error that says which model's policy is wrong, where and what is allowed
 */
export function policiesOf(
  file: unknown,
  models: readonly string[],
  bounds: PoolBounds,
  parse: (json: unknown) => Policy,
): Record<string, Policy> {
  if (typeof file !== 'object' || file === null || Array.isArray(file)) {
    throw new Error('expected an object of one policy for each model: {"<model>": {…}}');
  }
  const given = new Map<string, unknown>(Object.entries(file));
  const unknown = [...given.keys()].filter((model) => !models.includes(model));
  if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: no such model; there are ${models.join(', ')}`);
  return Object.fromEntries(
    models.map((model) => [model, given.has(model) ? checked(model, given.get(model), parse) : plainPolicy(bounds)]),
  );
}

function checked(model: string, json: unknown, parse: (json: unknown) => Policy): Policy {
  try {
    const policy = parse(json);
    const fault = policyFault(policy);
    if (fault !== null) throw new Error(fault);
    return policy;
  } catch (error) {
    throw new Error(`policy of ${model}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Starts the scaler of each model, or tells the one that runs what has changed. */
export async function configurePools(
  client: Client,
  policies: Readonly<Record<string, Policy>>,
  tickMs: number,
): Promise<void> {
  await Promise.all(
    Object.entries(policies).map(([model, policy]) => {
      const input: PoolInput = { model, policy, tickMs, carried: null };
      return client.workflow.signalWithStart(WORKFLOW.pool, {
        taskQueue: CONTROL_QUEUE,
        workflowId: poolWorkflowId(model),
        args: [input],
        signal: POOL_SIGNAL.configure,
        signalArgs: [policy, tickMs],
      });
    }),
  );
}
