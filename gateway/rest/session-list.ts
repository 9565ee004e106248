/** REST for lists of sessions. */
import type { Request, Response } from 'express';
import type { Gateway } from '../ports.ts';
import { parseParameters } from '../protocol.ts';
import { sessionListParameters } from './list-schemas.ts';
import { queryOf } from './session-ref.ts';

/** `GET /v1/sessions`: a page; the next one is named by `nextCursor` and by `Link` (RFC 8288). */
export async function listSessions(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const query = queryOf(request);
  const { limit, cursor, label = [], ...filter } = parseParameters(sessionListParameters, query);
  const page = await gateway.sessions.list(
    gateway.settings.tenant,
    { ...filter, labels: label },
    limit,
    cursor ?? null,
  );
  if (page.cursor !== null) response.setHeader('Link', `<${nextOf(query, page.cursor)}>; rel="next"`);
  response.json({ sessions: page.sessions, nextCursor: page.cursor });
}

function nextOf(query: Readonly<Record<string, string | readonly string[]>>, cursor: string): string {
  const next = new URLSearchParams();
  for (const [name, given] of Object.entries({ ...query, cursor })) {
    for (const value of typeof given === 'string' ? [given] : given) next.append(name, value);
  }
  return `/v1/sessions?${next.toString()}`;
}
