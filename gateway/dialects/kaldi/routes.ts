/** kaldi-gstreamer-server's HTTP addresses: /client/dynamic/recognize and /client/dynamic/reference. */
import express, { Router } from 'express';
import type { ErrorRequestHandler, Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { asFailure, Failure } from '../../failures.ts';
import type { SessionClient } from '../../live/session-client.ts';
import type { Gateway } from '../../ports.ts';
import type { Requests } from '../../requests.ts';
import { chooseModel, nameSchema, shown } from '../../protocol.ts';
import type { LiveRequest } from '../../protocol.ts';
import { refuseOtherMethods } from '../../rest/methods.ts';
import { isLogged, retryAfter } from '../../rest/problem.ts';
import { failed, STATUS, statusOf } from './answers.ts';
import { openAudio, sessionFormat } from './audio-in.ts';
import { BodyClient } from './body-client.ts';
import { readCaps } from './caps.ts';
import type { AudioSource } from './caps.ts';
import { headerText, identified, ID_HEADERS, ID_NAMES } from './labels.ts';
import type { Identified } from './labels.ts';

/** Where live sessions are taken up (gateway/live/server.ts). */
interface LiveDoor {
  attach(client: SessionClient, request: LiveRequest): Promise<void>;
}

/** As the old server's own answer to a preflight. */
const CORS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'POST, PUT, OPTIONS',
  'Access-Control-Max-Age': '1000',
  'Access-Control-Allow-Headers': 'origin, x-csrftoken, content-type, accept, User-Id, Content-Id',
};
const MAX_REFERENCE_BYTES = 1 << 20;
const MAX_CONTENT_ID_BYTES = 128;

/** To be put at `/client`. */
export function kaldiRoutes(gateway: Gateway, live: LiveDoor, requests: Requests): Router {
  const router = Router();
  router.use((_request, response, next) => {
    response.set(CORS);
    next();
  });
  router.options(/.*/, (_request, response) => void response.status(200).end());
  router.use('/dynamic', requests.counted);
  const recognise = (request: Request, response: Response) => answerRecognition(gateway, live, request, response);
  router.put('/dynamic/recognize', recognise);
  router.post('/dynamic/recognize', recognise);
  const text = express.text({ type: () => true, limit: MAX_REFERENCE_BYTES, defaultCharset: 'utf-8' });
  router.post('/dynamic/reference', requireContentId, text, (request, response) =>
    storeReference(gateway, request, response),
  );
  refuseOtherMethods(router);
  router.use(errorHandler(gateway));
  return router;
}

/** A fault of the decoder is told with HTTP 200, as the old server did. */
async function answerRecognition(
  gateway: Gateway,
  live: LiveDoor,
  request: Request,
  response: Response,
): Promise<void> {
  let id: string = randomUUID();
  try {
    const asked = readRequest(request, gateway);
    id = asked.live.session;
    const utterance = await recognise(gateway, live, request, asked);
    response.json({ status: STATUS.success, id, hypotheses: [{ utterance }], ...ignoredOf(asked) });
  } catch (error) {
    const failure = asFailure(error);
    if (isLogged(failure)) gateway.log.error({ err: error, session: id }, 'recognising a request failed');
    if (gateway.settings.kaldi.status9 && failure.type === 'queue_full') {
      response.status(503).set(retryAfter(503)).type('text/plain').send('No workers available');
    } else response.json(failed(id, statusOf(failure), failure.message));
  }
}

interface Recognition {
  readonly live: LiveRequest & { readonly session: string };
  readonly source: AudioSource;
  readonly isNamed: boolean;
  readonly ignored: readonly string[];
}

const PARAMETERS: readonly string[] = ['session', 'model', 'language', ...ID_NAMES];

/** In the address or, as the old server's clients do, in a header. */
function idsOf(request: Request, one: (name: string) => string | undefined): Identified {
  const inHeaders = ID_HEADERS.map((name) => [name, headerText(request.headers[name])] as const);
  const inQuery = ID_NAMES.flatMap((name) => {
    const value = one(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return identified(Object.fromEntries([...inHeaders, ...inQuery]));
}

function readRequest(request: Request, { settings }: Gateway): Recognition {
  const query = request.query as Record<string, string | string[] | undefined>;
  const one = (name: string): string | undefined => {
    const value = query[name];
    if (Array.isArray(value)) throw new Failure('invalid_parameter', `${name}: given more than once`);
    return value;
  };
  const named = one('session');
  if (named !== undefined && !nameSchema.safeParse(named).success) {
    throw new Failure('invalid_parameter', `session ${shown(named)}: letters, digits, ".", "_", "-", at most 128`);
  }
  const source = readCaps(request.headers['content-type'] ?? '');
  const { label, ignored } = idsOf(request, one);
  const choice = chooseModel(
    { model: one('model'), language: one('language'), priority: 'normal', label },
    settings.catalogue,
  );
  const session = named ?? randomUUID();
  const mayWait = !settings.kaldi.status9;
  return {
    live: { ...choice, session, index: 0, attempt: null, audio: sessionFormat(source), mayWait },
    source,
    isNamed: named !== undefined,
    ignored: [...Object.keys(query).filter((name) => !PARAMETERS.includes(name)), ...ignored],
  };
}

const ignoredOf = ({ ignored }: Recognition) => (ignored.length === 0 ? {} : { ignored });

async function recognise(
  gateway: Gateway,
  live: LiveDoor,
  request: Request,
  { live: asked, source, isNamed }: Recognition,
): Promise<string> {
  const { uploadStallMs, maxUploadBytes } = gateway.settings;
  // Nothing moves on this connection while what was uploaded is transcribed: the body's own watch sees a stall.
  request.socket.setTimeout(0);
  request.socket.setKeepAlive(true, 15_000);
  const limits = { stallMs: uploadStallMs, maxBytes: maxUploadBytes };
  const client = new BodyClient(request, limits, (sink) => openAudio(source, gateway.decoders, sink));
  const gone = (): void => client.fail(new Failure('incomplete_upload', 'the client is gone'));
  request.socket.once('close', gone);
  try {
    await live.attach(client, asked).catch((error: unknown) => client.fail(error));
    return await client.transcript;
  } catch (error) {
    // Nobody can come back to a session whose name nobody was told. Of who was not let in there is none.
    if (!isNamed && !isRefused(error)) await cancel(gateway, asked.session);
    throw error;
  } finally {
    request.socket.off('close', gone);
    request.socket.setTimeout(uploadStallMs);
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof Failure && (error.type === 'queue_full' || error.type === 'tenant_limit');

async function cancel({ sessions, settings, log }: Gateway, id: string): Promise<void> {
  const ref = { tenant: settings.tenant, id };
  await sessions.cancel(ref).catch((error: unknown) => {
    if (!(error instanceof Failure && error.type === 'not_found'))
      log.warn({ err: error, session: id }, 'not cancelled');
  });
}

/** Before a body is read. */
function requireContentId(request: Request, response: Response, next: () => void): void {
  const contentId = request.headers['content-id'];
  if (typeof contentId !== 'string' || contentId === '') {
    response.status(400).type('text/plain').send('No Content-Id specified');
  } else if (Buffer.byteLength(contentId) > MAX_CONTENT_ID_BYTES) {
    response.status(400).type('text/plain').send(`Content-Id is longer than ${MAX_CONTENT_ID_BYTES} bytes`);
  } else next();
}

/** The text that was spoken, as a person wrote it: kept for whoever compares. A later one replaces it. */
async function storeReference(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const contentId = String(request.headers['content-id']);
  const userId = request.headers['user-id'] ?? '';
  const text: unknown = request.body;
  const reference = {
    contentId,
    userId,
    text: typeof text === 'string' ? text : '',
    storedAt: new Date().toISOString(),
  };
  await gateway.objects.putStream(referenceKey(gateway.settings.tenant, contentId), once(reference));
  response.status(200).end();
}

/** An id is any text; a key is plain. */
export const referenceKey = (tenant: string, contentId: string): string =>
  `references/${tenant}/${Buffer.from(contentId).toString('base64url')}.json`;

// eslint-disable-next-line @typescript-eslint/require-await
async function* once(value: object): AsyncGenerator<Uint8Array> {
  yield Buffer.from(JSON.stringify(value));
}

function errorHandler({ log }: Gateway): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const isLarge = error instanceof Error && 'type' in error && error.type === 'entity.too.large';
    const failure = isLarge
      ? new Failure('upload_too_large', `more than ${MAX_REFERENCE_BYTES} bytes`)
      : asFailure(error);
    if (isLogged(failure)) log.error({ err: error, path: request.path }, 'request failed');
    const { httpStatus } = failure.row;
    response.status(httpStatus).set(retryAfter(httpStatus)).type('text/plain').send(failure.message);
  };
}
