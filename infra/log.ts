/** Logs: JSON lines on standard output. Facts are fields; no transcript, token or key ever is one. */
import pino from 'pino';
import type { Logger } from 'pino';

export type { Logger } from 'pino';

/** Fields that must never be written, whoever logs the object that holds them. */
const SECRET = ['text', 'words', 'segments', 'authorization', 'internalKey'];

export function openLog(level: string, process: string): Logger {
  return pino({
    level,
    base: { process },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: SECRET.flatMap((name) => [name, `*.${name}`]), censor: '(hidden)' },
  });
}
