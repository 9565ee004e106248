/** What the orchestrator runs. */
export { file } from './file.ts';
export { pool } from './pool/pool.ts';
export { session, span } from './session/session.ts';
export { worker } from './worker.ts';
export { receiver } from './webhook/receiver.ts';
export { webhook } from './webhook/webhook.ts';
