/** The native live protocol (docs/protocol.md) at /v1/live. */
import { errorMessage, parseClientMessage, parseLiveRequest } from '../protocol.ts';
import type { Catalogue } from '../protocol.ts';
import type { Conversation, Dialect, Line } from './dialect.ts';

export const LIVE_PATH = '/v1/live';

/** Wrong parameters are told on the WebSocket, with a close code: a browser shows a page nothing of a refused handshake. */
export const nativeDialect = (catalogue: Catalogue): Dialect => ({
  path: LIVE_PATH,
  meet: ({ query }) => ({ converse: (line) => converse(line, query, catalogue) }),
});

const converse = (line: Line, query: URLSearchParams, catalogue: Catalogue): Conversation => ({
  begin: () => line.open(parseLiveRequest(query, catalogue)),
  hear: (data, isBinary) => {
    if (isBinary) line.audio(data);
    else line.message(parseClientMessage(data));
  },
  say: (message) => line.send(JSON.stringify(message)),
  sayPartial: (json) => line.send(json),
  fail: (failure) => {
    line.send(JSON.stringify(errorMessage(failure)));
    return { code: failure.row.closeCode, reason: failure.type };
  },
});
