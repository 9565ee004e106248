/** The orchestrator: runs the workflows and the control activities. */
import { Worker } from '@temporalio/worker';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createFileTranscripts } from '../activities/file-transcript.ts';
import { createPrepare } from '../activities/prepare.ts';
import { createTranscripts } from '../activities/transcript.ts';
import { AudioLog } from '../infra/audio-log.ts';
import { openDecoder } from '../infra/ffmpeg/decoder.ts';
import { runProcess } from '../infra/lifecycle.ts';
import { openObjects } from '../infra/objects/open.ts';
import { openScratch } from '../infra/scratch.ts';
import { installRuntime, openWorkerConnection } from '../infra/temporal.ts';
import { CONTROL_QUEUE, PREPARE_QUEUE } from '../workflows/contract.ts';

const TEMPORAL_LIMIT_MS = 60_000;

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
  const shared = {
    connection,
    namespace: config.LONGHAND_TEMPORAL_NAMESPACE,
    shutdownGraceTime: config.LONGHAND_DRAIN_MS,
  };
  const control = await Worker.create({
    ...shared,
    taskQueue: CONTROL_QUEUE,
    workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
    // Preparation too: files that were begun before it had a queue of its own ask for it here.
    activities: { ...preparation, ...createTranscripts(objects, audioLog), ...createFileTranscripts(objects) },
    maxConcurrentWorkflowTaskExecutions: 200,
    maxConcurrentWorkflowTaskPolls: 10,
    maxCachedWorkflows: 2000,
    // An orchestrator that died leaves its workflows to another after this, not after the default of 10 s.
    stickyQueueScheduleToStartTimeout: '1s',
  });
  const preparing = await Worker.create({
    ...shared,
    taskQueue: PREPARE_QUEUE,
    activities: { ...preparation },
    maxConcurrentActivityTaskExecutions: config.LONGHAND_PREPARE_SLOTS,
  });
  const workers = [control, preparing];
  const run = Promise.all(workers.map((worker) => worker.run()));
  return {
    drain: async () => {
      for (const worker of workers) worker.shutdown();
      await run;
      await connection.close();
      objects.close();
    },
  };
});
