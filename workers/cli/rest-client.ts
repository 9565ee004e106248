/** The REST API (`/openapi.json`) as the command line uses it. */
import type { z } from 'zod';
import type { Pool } from '../../gateway/rest/pool-schemas.ts';
import type { Session } from '../../gateway/rest/shown-session.ts';
import type { sessionListSchema } from '../../gateway/rest/list-schemas.ts';
import type { workerListSchema } from '../../gateway/rest/schemas.ts';
import type { TranscriptDocument, TranscriptFormat } from '../../workflows/contract.ts';
import { CliError, notThere, Refused } from './failure.ts';

export type { Session };
export type SessionPage = z.input<typeof sessionListSchema>;
export type SessionRow = SessionPage['sessions'][number];
export type PoolRow = Pool;
export type WorkerRow = z.input<typeof workerListSchema>['workers'][number];

/** Query parameters of an upload: model, language, priority, session, filename. */
export type UploadQuery = Readonly<Record<string, string>>;

/** An answer comes within this, an upload excepted. */
const ANSWER_MS = 30_000;

export class RestClient {
  /** Base address, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly #key: string | null;

  constructor(url: string, key: string | null) {
    this.url = url;
    this.#key = key;
  }

  /** @throws Unreachable when nothing answers */
  async check(): Promise<void> {
    await this.#fetch('livez', {});
  }

  /** Uploads a file as it is read; answers the session that was started. */
  async upload(
    query: UploadQuery,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    key: string | null = null,
  ): Promise<Session> {
    const named: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
    const headers = { 'content-type': 'application/octet-stream', ...named };
    return this.#json<Session>('v1/sessions', { method: 'POST', headers, body, duplex: 'half', signal }, query);
  }

  session(id: string): Promise<Session> {
    return this.#json(sessionPath(id));
  }

  cancel(id: string): Promise<Session> {
    return this.#json(`${sessionPath(id)}/cancel`, { method: 'POST' });
  }

  /** False: it is being deleted, and goes on. */
  async delete(id: string, signal: AbortSignal): Promise<boolean> {
    const either = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const response = await this.#fetch(sessionPath(id), { method: 'DELETE', signal: either });
    await this.#body(response);
    return response.status === 204;
  }

  sessions(limit: number, cursor: string | null): Promise<SessionPage> {
    return this.#json('v1/sessions', {}, { limit: String(limit), ...(cursor === null ? {} : { cursor }) });
  }

  async workers(): Promise<WorkerRow[]> {
    return (await this.#json<{ workers: WorkerRow[] }>('v1/workers')).workers;
  }

  async pools(): Promise<PoolRow[]> {
    return (await this.#json<{ pools: PoolRow[] }>('v1/pools')).pools;
  }

  pool(id: string): Promise<PoolRow> {
    return this.#json(poolPath(id));
  }

  /** @param calendar null: the policy's again. */
  setCalendar(pool: string, calendar: PoolRow['calendar']): Promise<PoolRow> {
    const path = `${poolPath(pool)}/calendar`;
    if (calendar === null) return this.#json(path, { method: 'DELETE' });
    const headers = { 'content-type': 'application/json' };
    return this.#json(path, { method: 'PUT', headers, body: JSON.stringify(calendar) });
  }

  /** The transcript as a text of the format. */
  async transcript(id: string, format: TranscriptFormat): Promise<string> {
    const response = await this.#fetch(`${sessionPath(id)}/transcript`, {}, { format });
    return this.#body(response);
  }

  async document(id: string): Promise<TranscriptDocument> {
    return this.#json(`${sessionPath(id)}/transcript`, {}, { format: 'json' });
  }

  async #json<T>(path: string, init: RequestInit = {}, query: UploadQuery = {}): Promise<T> {
    const response = await this.#fetch(path, init, query);
    const text = await this.#body(response);
    try {
      return JSON.parse(text) as T;
    } catch {
      throw this.#stranger();
    }
  }

  async #fetch(path: string, init: RequestInit, query: UploadQuery = {}): Promise<Response> {
    const url = new URL(path, this.url.endsWith('/') ? this.url : `${this.url}/`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const headers = new Headers(init.headers);
    if (this.#key !== null) headers.set('authorization', `Bearer ${this.#key}`);
    const signal = init.signal ?? AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(url, { ...init, headers, signal }).catch((error: unknown) => {
      throw this.#unreachable(error);
    });
    if (!response.ok) throw await this.#refusal(response);
    return response;
  }

  #body(response: Response): Promise<string> {
    return response.text().catch((error: unknown) => {
      throw this.#unreachable(error);
    });
  }

  #unreachable(error: unknown): CliError {
    return notThere(this.url, causeOf(error), error);
  }

  #stranger(): CliError {
    return new CliError(`what answers at ${this.url} is not Longhand: name its address by --url or LONGHAND_URL`);
  }

  async #refusal(response: Response): Promise<CliError> {
    const text = await this.#body(response);
    const problem = problemOf(text);
    if (problem !== null) return new Refused(problem.code, problem.detail, problem.retryable);
    // A proxy between us says that the service is away.
    if (response.status >= 502) return new Refused('http', `HTTP ${response.status} from ${this.url}`, true);
    return this.#stranger();
  }
}

const sessionPath = (id: string): string => `v1/sessions/${encodeURIComponent(id)}`;

const poolPath = (id: string): string => `v1/pools/${encodeURIComponent(id)}`;

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly retryable: boolean;
}

function problemOf(text: string): Problem | null {
  try {
    const { code, detail, retryable } = JSON.parse(text) as Partial<Problem>;
    return typeof code === 'string' && typeof detail === 'string'
      ? { code, detail, retryable: retryable === true }
      : null;
  } catch {
    return null;
  }
}

/** `fetch` hides the reason in `cause`. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`;
  const { cause } = error;
  if (!(cause instanceof Error)) return error.message;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
