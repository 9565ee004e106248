/** What the orchestrator runs. */
export { batch } from './batch/batch.ts';
export { erase } from './erase/erase.ts';
export { eraseBatch } from './erase/erase-batch.ts';
export { file, version } from './file.ts';
export { lanes } from './lanes/lanes.ts';
export { retention } from './retention/retention.ts';
export { pool } from './pool/pool.ts';
export { session, span } from './session/session.ts';
export { worker } from './worker.ts';
export { receiver } from './webhook/receiver.ts';
export { results } from './webhook/results.ts';
export { webhook } from './webhook/webhook.ts';
