/** The REST API (/openapi.json), as the page uses it. */

/** @typedef {import('../rest/shown-session.ts').Session} Session */
/** @typedef {import('zod').input<typeof import('../rest/list-schemas.ts').sessionListSchema>['sessions'][number]} SessionRow */
/** @typedef {import('../../workflows/contract.ts').Segment} Segment */

/** A refusal of the service, or none at all (`status` 0). The message may be shown. */
export class ApiError extends Error {
  /** @param {number} status @param {string} message */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const AWAY = 'the server does not answer';

/** @param {string} id @returns {Promise<Session>} */
export const fetchSession = (id) => fetchJson(`/v1/sessions/${encodeURIComponent(id)}`);

/** @param {string} id @returns {Promise<{ segments: readonly Segment[] }>} */
export const fetchTranscript = (id) => fetchJson(transcriptPath(id, 'json'));

/** @param {number} limit @returns {Promise<{ sessions: readonly SessionRow[] }>} */
export const fetchSessions = (limit) => fetchJson(`/v1/sessions?limit=${limit}`);

/** @param {string} id @param {string} format */
export const transcriptPath = (id, format) => `/v1/sessions/${encodeURIComponent(id)}/transcript?format=${format}`;

/** @param {string} path @param {string} method */
async function fetchJson(path, method = 'GET') {
  const response = await fetch(path, { method, cache: 'no-store' }).catch(() => {
    throw new ApiError(0, AWAY);
  });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, messageOf(body, response.status));
  if (body === null) throw new ApiError(0, AWAY);
  return body;
}

/** What a problem document says. @param {unknown} body @param {number} status */
export function messageOf(body, status) {
  const hasDetail = typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string';
  return hasDetail ? String(body.detail) : `the server answered with ${status}`;
}

/** Something to be tried again. @param {unknown} error */
export const mayPass = (error) => error instanceof ApiError && (error.status === 0 || error.status >= 500);

/** A name for a new session. `randomUUID` is there on https and localhost only. */
export function newId() {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Ends a session; what was transcribed so far is kept. @param {string} id */
export async function cancelSession(id) {
  await fetchJson(`/v1/sessions/${encodeURIComponent(id)}/cancel`, 'POST');
}
