/** An ASR worker: serves one model with a number of slots. */
import { Worker } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { createPoolActivities, createWorkerActivities } from '../activities/stream.ts';
import { silentProgress } from '../infra/assets/progress.ts';
import { resolveModel, resolveVad } from '../infra/assets/resolve.ts';
import { ConfigError } from '../infra/config.ts';
import type { Config } from '../infra/config.ts';
import { runProcess } from '../infra/lifecycle.ts';
import { installRuntime, openClient, openWorkerConnection } from '../infra/temporal.ts';
import { poolQueue, workerQueue } from '../workflows/contract.ts';
import type { WorkerFacts } from '../workflows/contract.ts';
import type { Engine } from './engines/engine.ts';
import { openEngine } from './engines/open.ts';
import { Leases } from './leases.ts';
import { Retirement } from './retirement.ts';
import { LeaseSlots } from './slots.ts';
import { registerWorker, TemporalCommits } from './temporal.ts';

const TEMPORAL_LIMIT_MS = 60_000;
/** How late a worker may learn that an activity was taken back. */
const HEARTBEAT_THROTTLE = '2s';

function openModel(config: Config, name: string): Promise<Engine> {
  const model = config.LONGHAND_MODELS[name];
  if (model === undefined) throw new ConfigError(`LONGHAND_MODEL: ${name} is not in LONGHAND_MODELS`);
  return openEngine(model, async () => {
    if (model.engine !== 'moonshine') throw new Error(`model ${name} reads no files`);
    const modelDir = await resolveModel(model, config, silentProgress);
    return { modelDir, vadFile: await resolveVad(config, silentProgress) };
  });
}

function factsOf(config: Config, model: string): WorkerFacts {
  return {
    workerId: `${model}-${randomUUID().slice(0, 8)}`,
    model,
    pid: process.pid,
    host: config.LONGHAND_POD_NAME ?? hostname(),
    slots: config.LONGHAND_SLOTS,
    startedAt: new Date().toISOString(),
  };
}

/** Leases are taken from the pool's queue while a slot is free. */
function poolWorker(
  connection: NativeConnection,
  config: Config,
  facts: WorkerFacts,
  leases: Leases,
  slots: LeaseSlots,
) {
  const one = { type: 'fixed-size', numSlots: 1 } as const;
  return Worker.create({
    connection,
    namespace: config.LONGHAND_TEMPORAL_NAMESPACE,
    identity: facts.workerId,
    taskQueue: poolQueue(facts.model),
    activities: createPoolActivities(leases),
    tuner: {
      activityTaskSlotSupplier: slots,
      workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 2 },
      localActivityTaskSlotSupplier: one,
      nexusTaskSlotSupplier: one,
    },
    // One poll gives hundreds of leases a second; each poll of a worker that hangs costs a session one vain request.
    // (Beside a tuner the SDK heeds only this option, not maxConcurrentActivityTaskPolls.)
    activityTaskPollerBehavior: { type: 'simple-maximum', maximum: 1 },
    shutdownGraceTime: 0,
  });
}

/** Streams of granted leases, and the worker's presence, come by its own queue. */
function ownWorker(
  connection: NativeConnection,
  config: Config,
  facts: WorkerFacts,
  leases: Leases,
  stop: AbortSignal,
) {
  const report = () => ({ slots: facts.slots, draining: leases.isDraining, sessions: leases.sessions });
  return Worker.create({
    connection,
    namespace: config.LONGHAND_TEMPORAL_NAMESPACE,
    identity: facts.workerId,
    taskQueue: workerQueue(facts.workerId),
    activities: createWorkerActivities(leases, report, stop),
    // A lease that is being taken over has two stream activities for a moment; the presence is one more.
    maxConcurrentActivityTaskExecutions: 2 * facts.slots + 2,
    maxConcurrentActivityTaskPolls: 2,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    defaultHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
    shutdownGraceTime: 0,
  });
}

await runProcess('asr', async (config, log) => {
  installRuntime(log);
  const facts = factsOf(config, config.LONGHAND_MODEL ?? config.LONGHAND_DEFAULT_MODEL);
  const address = config.LONGHAND_TEMPORAL_ADDRESS ?? `127.0.0.1:${config.LONGHAND_TEMPORAL_PORT}`;
  const engine = await openModel(config, facts.model);
  const connection = await openWorkerConnection(address, TEMPORAL_LIMIT_MS);
  const client = openClient(address, config.LONGHAND_TEMPORAL_NAMESPACE);
  const stopping = new AbortController();
  const leaseSettings = {
    gatewayUrl: config.LONGHAND_GATEWAY_URL ?? `ws://${config.LONGHAND_HOST}:${config.LONGHAND_HTTP_PORT}`,
    internalKey: config.LONGHAND_INTERNAL_KEY,
    gatewayGraceMs: config.LONGHAND_CLIENT_GRACE_MS,
    gatewaySilenceMs: config.LONGHAND_GATEWAY_SILENCE_MS,
    maxSessions: config.LONGHAND_WORKER_SESSIONS || Infinity,
  };
  const leases: Leases = new Leases(facts.workerId, engine, new TemporalCommits(client), leaseSettings, () => {
    slots.changed();
    retirement.changed();
  });
  const retirement = new Retirement(config.LONGHAND_WORKER_IDLE_MS || Infinity, leases);
  const slots: LeaseSlots = new LeaseSlots(facts.slots, () => leases.taken);
  const pool = await poolWorker(connection, config, facts, leases, slots);
  const own = await ownWorker(connection, config, facts, leases, stopping.signal);
  await registerWorker(client, { ...facts, readyAt: new Date().toISOString() });
  const runs = Promise.all([pool.run(), own.run()]);
  return {
    ready: { workerId: facts.workerId, model: facts.model },
    over: retirement.over,
    drain: async () => {
      pool.shutdown();
      leases.drain();
      await leases.empty(AbortSignal.timeout(config.LONGHAND_DRAIN_MS));
      leases.releaseAll();
      stopping.abort();
      own.shutdown();
      await runs;
      await engine.close();
      await client.connection.close();
      await connection.close();
    },
  };
});
