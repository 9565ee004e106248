/** The orchestrator: runs the workflows and the control activities. */
import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createErase } from '../activities/erase.ts';
import { createEraseBatch } from '../activities/erase-batch.ts';
import { createFetching } from '../activities/fetch.ts';
import { createFileTranscripts } from '../activities/file-transcript.ts';
import { createPrepare } from '../activities/prepare.ts';
import { createRetention } from '../activities/retention.ts';
import { createScaling } from '../activities/scaling.ts';
import type { ClusterPool, PoolWish } from '../activities/scaling.ts';
import { createTranscripts } from '../activities/transcript.ts';
import { createWebhooks } from '../activities/webhook.ts';
import { TemporalSessions } from '../gateway/temporal/sessions.ts';
import { AudioLog } from '../infra/audio-log.ts';
import { openCluster } from '../infra/cluster/open.ts';
import { ConfigError, mostLocalWorkers } from '../infra/config.ts';
import type { Config } from '../infra/config.ts';
import { openDecoder } from '../infra/ffmpeg/decoder.ts';
import { runProcess } from '../infra/lifecycle.ts';
import { openMultipart, openObjects } from '../infra/objects/open.ts';
import type { ObjectStore } from '../infra/objects/port.ts';
import { OutboundGuard } from '../infra/outbound/guard.ts';
import { OutboundHttp } from '../infra/outbound/http.ts';
import { parsePolicy } from '../infra/pool/policy-file.ts';
import { openScratch } from '../infra/scratch.ts';
import { installRuntime, openClient, openWorkerConnection } from '../infra/temporal.ts';
import { CONTROL_QUEUE, FETCH_QUEUE, PREPARE_QUEUE } from '../workflows/contract.ts';
import type { Policy } from '../workflows/pool/policy.ts';
import { DELIVERY_QUEUE } from '../workflows/webhook/contract.ts';
import { TemporalBatchHistories } from './batch-histories.ts';
import { TemporalHistories } from './histories.ts';
import { foreignBody, foreignResults } from './foreign-body.ts';
import { PoolStatistics } from './pool-statistics.ts';
import { configurePools, policiesOf } from './pools.ts';
import { isDisabled } from './receivers.ts';
import { TemporalRetention } from './retention.ts';

const WORKFLOWS = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
const TEMPORAL_LIMIT_MS = 60_000;
/** How late an activity may learn that nobody wants it any more: else 8 s to 24 s, by its heartbeat timeout. */
const HEARTBEAT_THROTTLE = '1s';

/** @throws ConfigError that says what is wrong with the policy file, and what is allowed */
async function readPolicies(config: Config): Promise<Record<string, Policy>> {
  const { LONGHAND_SCALING_FILE: file, LONGHAND_SLOTS: slotsPerWorker, LONGHAND_SCALE_DOWN_MS: coolDownMs } = config;
  const bounds = {
    minWorkers: config.LONGHAND_WORKERS,
    maxWorkers: mostLocalWorkers(config),
    slotsPerWorker,
    coolDownMs,
  };
  const models = Object.keys(config.LONGHAND_MODELS);
  try {
    const json: unknown = file === null ? {} : JSON.parse(await readFile(file, 'utf8'));
    return policiesOf(json, models, bounds, parsePolicy);
  } catch (error) {
    throw new ConfigError(`LONGHAND_SCALING_FILE: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The scalers of the pools, where the workers are ours to start and end. */
async function openScaling(config: Config, client: Client) {
  const policies = await readPolicies(config);
  const cluster = openCluster<ClusterPool, PoolWish>(config);
  if (cluster === null) return { activities: {}, begin: () => Promise.resolve() };
  const statistics = new PoolStatistics(client, config.LONGHAND_TEMPORAL_DEADLINE_MS);
  return {
    activities: createScaling(cluster, statistics),
    begin: () => configurePools(client, policies, config.LONGHAND_SCALING_TICK_MS),
  };
}

/** What speaks to addresses that clients have named. */
function openOutbound(config: Config, objects: ObjectStore, client: Client) {
  const guard = new OutboundGuard(config.LONGHAND_OUTBOUND_ALLOW);
  const sessions = new TemporalSessions(client, config.LONGHAND_TEMPORAL_DEADLINE_MS);
  const http = new OutboundHttp(guard, config.LONGHAND_UPLOAD_STALL_MS);
  const fetching = createFetching({
    http,
    uploads: objects,
    maxBytes: config.LONGHAND_MAX_UPLOAD_BYTES,
    limitMs: config.LONGHAND_FETCH_LIMIT_MS,
    attempts: config.LONGHAND_FETCH_ATTEMPTS,
  });
  const webhooks = createWebhooks({
    http,
    secrets: config.LONGHAND_WEBHOOK_SECRET,
    isDisabled: (tenant, receiver) => isDisabled(client, tenant, receiver),
    timeoutMs: config.LONGHAND_WEBHOOK_TIMEOUT_MS,
    foreignBody: (form, tenant, event) => foreignBody(objects, form, tenant, event),
    foreignResults: (args) => foreignResults(sessions, objects, args),
  });
  return { fetching, webhooks, close: () => http.close() };
}

/** What deletes sessions and uploads once they have been kept for long enough. */
function openRetention(config: Config, objects: ObjectStore, client: Client) {
  const temporal = new TemporalRetention(client);
  const multipart = openMultipart(config);
  const byTenant = new Map(Object.entries(config.LONGHAND_TENANT_RETENTION));
  const activities = createRetention({
    retentionOf: (tenant) => byTenant.get(tenant) ?? config.LONGHAND_RETENTION_MS,
    isLimited: config.LONGHAND_RETENTION_MS > 0 || [...byTenant.values()].some((ms) => ms > 0),
    uploadTtlMs: config.LONGHAND_UPLOAD_TTL_MS,
    everyMs: config.LONGHAND_RETENTION_SWEEP_MS,
    nowMs: () => Date.now(),
    ended: temporal,
    uploads: {
      list: (prefix) => objects.list(prefix),
      get: (key) => objects.get(key),
      deleteAll: (prefix) => objects.deleteAll(prefix),
      isInUse: (tenant, uploadId, session) => temporal.isInUse(tenant, uploadId, session),
      abort: async (key, multipartId) => multipart?.abort(key, multipartId),
    },
  });
  const erasing = {
    ...createErase(objects, new TemporalHistories(client)),
    ...createEraseBatch(objects, new TemporalBatchHistories(client)),
  };
  return { activities: { ...activities, ...erasing }, begin: () => temporal.begin(), close: () => multipart?.close() };
}

await runProcess('orchestrator', async (config, log) => {
  installRuntime(log);
  const address = config.LONGHAND_TEMPORAL_ADDRESS ?? `127.0.0.1:${config.LONGHAND_TEMPORAL_PORT}`;
  const connection = await openWorkerConnection(address, TEMPORAL_LIMIT_MS);
  const objects = await openObjects(config);
  const audioLog = new AudioLog(objects, { settleMs: config.LONGHAND_COMPACT_AFTER_MS });
  const preparation = createPrepare({
    uploads: objects,
    scratch: await openScratch(join(config.LONGHAND_DATA_DIR, 'scratch')),
    decoder: await openDecoder(config),
    audioLog,
    spanMs: config.LONGHAND_SPAN_MS,
  });
  const client = openClient(address, config.LONGHAND_TEMPORAL_NAMESPACE);
  const scaling = await openScaling(config, client);
  const outbound = openOutbound(config, objects, client);
  const retaining = openRetention(config, objects, client);
  const shared = {
    connection,
    namespace: config.LONGHAND_TEMPORAL_NAMESPACE,
    shutdownGraceTime: config.LONGHAND_DRAIN_MS,
    maxHeartbeatThrottleInterval: HEARTBEAT_THROTTLE,
  };
  const control = await Worker.create({
    ...shared,
    taskQueue: CONTROL_QUEUE,
    workflowsPath: WORKFLOWS,
    // No workflow leaves anything in a module: they are made once, and not for each workflow anew.
    bundlerOptions: { preloadModules: [WORKFLOWS] },
    // Preparation too: files that were begun before it had a queue of its own ask for it here.
    activities: {
      ...preparation,
      ...createTranscripts(objects, audioLog),
      ...createFileTranscripts(objects, audioLog),
      ...scaling.activities,
      ...retaining.activities,
    },
    maxConcurrentWorkflowTaskExecutions: 200,
    // Each may hold an upload in memory, a few times over: see PLAIN_UPLOAD_BYTES.
    maxConcurrentLocalActivityExecutions: 40,
    maxConcurrentWorkflowTaskPolls: 10,
    maxCachedWorkflows: 2000,
    // An orchestrator that died leaves its workflows to another after this, not after the default of 10 s.
    stickyQueueScheduleToStartTimeout: '1s',
  });
  const besides = (taskQueue: string, activities: object, slots: number) =>
    Worker.create({ ...shared, taskQueue, activities: { ...activities }, maxConcurrentActivityTaskExecutions: slots });
  const preparing = await besides(PREPARE_QUEUE, preparation, config.LONGHAND_PREPARE_SLOTS);
  const fetchers = await besides(FETCH_QUEUE, outbound.fetching, config.LONGHAND_FETCH_SLOTS);
  const delivering = await besides(DELIVERY_QUEUE, outbound.webhooks, config.LONGHAND_WEBHOOK_SLOTS);
  const workers = [control, preparing, fetchers, delivering];
  const run = Promise.all(workers.map((worker) => worker.run()));
  await retaining.begin();
  await scaling.begin();
  return {
    drain: async () => {
      for (const worker of workers) worker.shutdown();
      await run;
      await outbound.close();
      retaining.close();
      await client.connection.close();
      await connection.close();
      objects.close();
    },
  };
});
