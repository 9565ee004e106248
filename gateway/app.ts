/** The gateway as an HTTP server, apart from the process that runs it. */
import express from 'express';
import type { Express } from 'express';
import helmet from 'helmet';
import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { deepgramRoutes } from './dialects/deepgram/routes.ts';
import { openAiRoutes } from './dialects/openai/routes.ts';
import { kaldiRoutes } from './dialects/kaldi/routes.ts';
import { EventStreams } from './events/event-streams.ts';
import { Failure } from './failures.ts';
import { LiveServer } from './live/server.ts';
import { refuseForeign } from './origin.ts';
import type { Gateway } from './ports.ts';
import { Requests } from './requests.ts';
import { healthRoutes } from './rest/health.ts';
import { openApiDocument } from './rest/openapi.ts';
import { problemHandler } from './rest/problem.ts';
import { referenceRoutes } from './rest/reference.ts';
import { apiRoutes } from './rest/routes.ts';

const PAGE = fileURLToPath(new URL('./page/', import.meta.url));

/** A connection without a request is kept longer than clients and load balancers keep theirs (60 s): they close it, never we. */
const KEEP_ALIVE_MS = 75_000;

export interface GatewayServer {
  readonly http: Server;
  readonly live: LiveServer;
  readonly streams: EventStreams;
  /** Stops taking in work, stores what came and tells everyone to come again. */
  drain(): Promise<void>;
}

export function buildGateway(gateway: Gateway): GatewayServer {
  const ending = new AbortController();
  // As many listen as wait for a transcript.
  setMaxListeners(0, ending.signal);
  const requests = new Requests(gateway.settings.tenantRequestsPerS);
  const live = new LiveServer(gateway, requests);
  const streams = new EventStreams(gateway, ending.signal);
  const http = createServer(buildApp(gateway, live, streams, requests, ending.signal));
  // An upload may take as long as it likes, as long as it moves.
  http.requestTimeout = 0;
  http.timeout = gateway.settings.uploadStallMs;
  http.keepAliveTimeout = KEEP_ALIVE_MS;
  http.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!live.upgrade(request, socket, head)) socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  });
  const drain = async (): Promise<void> => {
    ending.abort();
    await live.drain();
    http.close();
    http.closeIdleConnections();
  };
  return { http, live, streams, drain };
}

function buildApp(
  gateway: Gateway,
  live: LiveServer,
  streams: EventStreams,
  requests: Requests,
  ending: AbortSignal,
): Express {
  const isDraining = (): boolean => ending.aborted;
  const app = express();
  app.disable('x-powered-by');
  app.set('query parser', 'simple');
  app.use(
    helmet({
      contentSecurityPolicy: {
        directives: { 'connect-src': ["'self'", 'ws:', 'wss:'], 'upgrade-insecure-requests': null },
      },
    }),
  );
  app.use((request, _response, next) => {
    const refusal = refuseForeign(request.headers, gateway.settings.origins);
    if (refusal !== null) throw refusal;
    // A proxy before us may have gone by the other one.
    if ((request.headersDistinct['content-type']?.length ?? 0) > 1) {
      throw new Failure('invalid_parameter', 'Content-Type: given more than once');
    }
    next();
  });
  app.use(healthRoutes(gateway, isDraining));
  app.use('/v1', openAiRoutes(gateway, requests, ending));
  app.use('/v1', deepgramRoutes(gateway, { liveSessions: () => live.size, ending }, requests));
  app.use('/v1', requests.counted, (_request, _response, next) => {
    if (isDraining()) throw new Failure('shutting_down', 'this gateway ends: ask again');
    next();
  });
  app.use('/client', kaldiRoutes(gateway, live, requests));
  for (const [prefix, routes] of apiRoutes(gateway, streams)) app.use(prefix, routes);
  app.get('/openapi.json', (_request, response) => void response.json(openApiDocument()));
  app.use('/docs', referenceRoutes());
  app.use(express.static(PAGE));
  app.use((request) => {
    throw new Failure('not_found', `nothing is at ${request.method} ${request.path.slice(0, 200)}`);
  });
  app.use(problemHandler(gateway.log));
  return app;
}
