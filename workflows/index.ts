/** What the orchestrator runs. */
export { file, version } from './file.ts';
export { lanes } from './lanes/lanes.ts';
export { pool } from './pool/pool.ts';
export { session, span } from './session/session.ts';
export { worker } from './worker.ts';
export { receiver } from './webhook/receiver.ts';
export { webhook } from './webhook/webhook.ts';
