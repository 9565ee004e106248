/** OpenAI's Realtime API at /v1/realtime, for transcription sessions (docs/dialects/openai.md). */
import { randomUUID } from 'node:crypto';
import { NAME_PATTERN } from '../../../../workflows/contract.ts';
import { Failure } from '../../../failures.ts';
import { queryObject, shown } from '../../../protocol.ts';
import type { Catalogue } from '../../../protocol.ts';
import type { Dialect, Handshake, Meeting } from '../../dialect.ts';
import { openAiError } from '../refusal.ts';
import { RealtimeConversation } from './conversation.ts';
import type { Visit } from './conversation.ts';

const SUBPROTOCOL = 'realtime';
const BETA = 'realtime=v1';
const BETA_SUBPROTOCOL = 'openai-beta.realtime-v1';
const SESSION_HEADER = 'x-longhand-session';
const QUERY = ['model', 'intent', 'session'] as const;

export const realtimeDialect = (catalogue: Catalogue): Dialect => ({
  path: '/v1/realtime',
  meet: (handshake) => meet(handshake, catalogue),
  refusal: (failure) => ({
    contentType: 'application/json',
    body: JSON.stringify({ error: openAiError(failure).error }),
  }),
});

function meet(handshake: Handshake, catalogue: Catalogue): Meeting {
  const visit = visitOf(handshake);
  // The key among the subprotocols (`openai-insecure-api-key.…`) is never said back. As long as there is no identity, any is taken.
  const isOffered = handshake.protocols.includes(SUBPROTOCOL);
  return {
    ...(isOffered ? { protocol: SUBPROTOCOL } : {}),
    headers: { 'X-Longhand-Session': visit.session, 'x-request-id': visit.session },
    converse: (line) => new RealtimeConversation(line, visit, catalogue),
  };
}

/** @throws Failure for an address that asks for something else */
function visitOf({ query, headers, protocols }: Handshake): Visit {
  const given = queryObject(query);
  const unknown = Object.keys(given).find((name) => !QUERY.some((known) => known === name));
  if (unknown !== undefined) {
    throw new Failure('unknown_parameter', `${shown(unknown)} is no parameter here: one of ${QUERY.join(', ')}`);
  }
  const { model = null, intent = 'transcription', session } = given;
  if (intent !== 'transcription') {
    throw new Failure('invalid_parameter', `intent ${shown(intent)}: there are transcription sessions only`);
  }
  const named = session ?? oneOf(headers[SESSION_HEADER]);
  if (named !== undefined && !NAME_PATTERN.test(named)) {
    throw new Failure(
      'invalid_parameter',
      'session: letters, digits, ".", "_", "-", at most 128, first a letter or digit',
    );
  }
  const isBeta = oneOf(headers['openai-beta']) === BETA || protocols.includes(BETA_SUBPROTOCOL);
  return { session: named ?? randomUUID(), isNamed: named !== undefined, model, isBeta };
}

const oneOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
