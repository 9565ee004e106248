/** One file's way: uploaded, watched until its session has ended, its transcript fetched. */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { idOfKey } from '../../gateway/rest/idempotency.ts';
import type { TranscriptFormat } from '../../workflows/contract.ts';
import { CliError, Refused } from './failure.ts';
import { fileBytes, unreadable } from './input-file.ts';
import { patiently } from './patience.ts';
import type { Patience } from './patience.ts';
import type { Row } from './progress-board.ts';
import type { RestClient, Session, UploadQuery } from './rest-client.ts';

/** A file that becomes a session. */
export interface SessionJob {
  readonly path: string;
  /** Model, language, priority. */
  readonly parameters: UploadQuery;
  readonly row: Row;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** The service has the file: from here on its session goes on by itself. */
  readonly uploaded: (id: string) => void;
  /** Idempotency-Key: the session follows from it, and a file that it was sent for before is not sent again. */
  readonly key?: string;
}

export interface FileJob extends SessionJob {
  readonly format: TranscriptFormat;
}

/** Of the bar; the rest is the transcription. */
const UPLOAD_SHARE = 0.2;
const POLL_MS = { least: 200, most: 1000 } as const;

const DOING: Record<Session['state'], string> = {
  preparing: 'decoding',
  queued: 'waiting for a worker',
  streaming: 'transcribing',
  idle: 'waiting',
  closing: 'writing',
  completed: 'done',
  stopped: 'stopped',
  cancelled: 'cancelled',
  failed: 'failed',
};

/** Answers the transcript. @throws CliError that says what was wrong with this file */
export async function transcribeFile(rest: RestClient, job: FileJob): Promise<string> {
  try {
    const id = await fileSession(rest, job);
    return await patiently(() => rest.transcript(id, job.format), job.patience, job.signal);
  } finally {
    job.row.end();
  }
}

/** Answers the file's session, once it is completed. @throws CliError that says what was wrong with this file */
export async function fileSession(rest: RestClient, job: SessionJob): Promise<string> {
  const id = job.key === undefined ? await upload(rest, job) : await uploadOnce(rest, job, job.key);
  job.uploaded(id);
  await untilCompleted(rest, id, job);
  return id;
}

/** The id follows from the key: where the session is there, nothing is sent. */
async function uploadOnce(rest: RestClient, job: SessionJob, key: string): Promise<string> {
  const id = idOfKey('session', key);
  const isThere = await patiently(
    () =>
      rest.session(id).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Refused && error.code === 'not_found') return false;
          throw error;
        },
      ),
    job.patience,
    job.signal,
  );
  if (isThere) return id;
  const bytes = await fileBytes(job.path);
  const query = { ...job.parameters, filename: basename(job.path) };
  const send = () =>
    rest.upload(query, counted(job, bytes), job.signal, key).catch((error: unknown) => {
      throw readFault(error) ?? error;
    });
  await patiently(send, job.patience, job.signal);
  return id;
}

/** Under an id of our own: when the answer is lost, the second attempt finds that the first one came through. */
async function upload(rest: RestClient, job: SessionJob): Promise<string> {
  const bytes = await fileBytes(job.path);
  const session = randomUUID();
  const query = { ...job.parameters, session, filename: basename(job.path) };
  let attempts = 0;
  const send = async (): Promise<void> => {
    attempts += 1;
    await rest.upload(query, counted(job, bytes), job.signal).catch((error: unknown) => {
      const isThere = error instanceof Refused && error.code === 'session_exists' && attempts > 1;
      if (!isThere) throw readFault(error) ?? error;
    });
  };
  await patiently(send, job.patience, job.signal);
  return session;
}

async function* counted({ path, row }: SessionJob, bytes: number): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 }) as AsyncIterable<Uint8Array>) {
    yield chunk;
    sent += chunk.length;
    row.update(UPLOAD_SHARE * Math.min(1, sent / bytes), 'uploading');
  }
}

/** A file that cannot be read looks to `fetch` like a broken connection. */
function readFault(error: unknown): CliError | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('syscall' in at && ['open', 'read'].includes(String(at.syscall))) return unreadable(at);
  }
  return null;
}

async function untilCompleted(rest: RestClient, id: string, { row, patience, signal }: SessionJob): Promise<void> {
  for (let everyMs: number = POLL_MS.least; ; everyMs = Math.min(everyMs * 1.2, POLL_MS.most)) {
    const session = await patiently(() => rest.session(id), patience, signal);
    const { state, progress, error } = session;
    row.update(UPLOAD_SHARE + (1 - UPLOAD_SHARE) * (progress ?? 0), DOING[state]);
    if (state === 'completed') return;
    if (state === 'cancelled' || state === 'stopped') throw new CliError(`the session was ${state}`);
    if (state === 'failed') throw new Refused(error?.code ?? 'internal', error?.detail ?? 'the session failed', false);
    await pause(everyMs, undefined, { signal });
  }
}

/** What is said of a file that failed. */
export function fileFault(path: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Refused ? ` (${error.code})` : '';
  return `${path}: ${message}${code}`;
}
