/** Vosk's own port: its clients know no path. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Catalogue } from '../../protocol.ts';
import type { Dialect } from '../dialect.ts';
import { voskDialect } from './recognition.ts';

/** Where WebSockets are taken up (gateway/live/server.ts). */
interface LiveDoor {
  upgradeTo(dialect: Dialect, request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

/** To be listened with; ends with its last connection. */
export function voskServer(catalogue: Catalogue, live: LiveDoor): Server {
  const dialect = voskDialect(catalogue);
  const server = createServer((_request, response) => {
    response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket', Connection: 'close' });
    response.end("Vosk's protocol is spoken here over WebSockets\n");
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    live.upgradeTo(dialect, request, socket, head);
  });
  return server;
}
