/** Deepgram's HTTP addresses over file sessions: a client moves by changing its base address. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { SessionRef } from '../../../workflows/contract.ts';
import type { WebhookTarget } from '../../../workflows/webhook/contract.ts';
import { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import type { Requests } from '../../requests.ts';
import { MAX_URL_LENGTH, targetOf } from '../../protocol.ts';
import { startFileSession } from '../../rest/file-session.ts';
import { isForm } from '../../rest/form.ts';
import { fileAt } from '../../rest/from-url.ts';
import { isJson, readJson } from '../../rest/json-body.ts';
import { refuseOtherMethods } from '../../rest/methods.ts';
import { refuseLargeBody, storeUpload } from '../../rest/stored-upload.ts';
import { patience, waitedTranscript } from '../../rest/waiting.ts';
import { refuseCallback, webhookFor } from '../../webhooks/target.ts';
import { callbackTarget } from './callback.ts';
import { REQUEST_ID, deepgramErrorHandler, sendError } from './error-handler.ts';
import { FileBody } from './file-body.ts';
import { readFileRequest } from './file-request.ts';
import type { FileRequest } from './file-request.ts';
import { listenResponse } from './response.ts';
import type { ListenFacts } from './response.ts';

/** What a gateway does at present. */
interface Activity {
  /** Live sessions with a client or a worker here. */
  liveSessions(): number;
  /** Aborted once the gateway takes in no more work. */
  readonly ending: AbortSignal;
}

/** To be put at `/v1`. */
export function deepgramRoutes(gateway: Gateway, activity: Activity, requests: Requests): Router {
  const router = Router();
  router.use(['/listen', '/status', '/auth'], requests.counted);
  let waiting = 0;
  router.post('/listen', async (request, response) => {
    response.setHeader(REQUEST_ID, randomUUID());
    waiting += 1;
    try {
      await listen(gateway, activity.ending, request, response);
    } finally {
      waiting -= 1;
    }
  });
  router.get('/status', async (_request, response) => {
    response.json({
      system_health: await healthOf(gateway, activity.ending),
      active_batch_requests: waiting,
      active_stream_requests: activity.liveSessions(),
    });
  });
  router.post('/auth/grant', (_request, response) => {
    sendError(
      response,
      501,
      'NOT_IMPLEMENTED',
      'this installation gives no tokens: whatever credential a client has is taken',
    );
  });
  refuseOtherMethods(router);
  router.use(deepgramErrorHandler(gateway.log));
  return router;
}

/** In the words of Deepgram's own self-hosted engine. */
async function healthOf(
  { sessions, objects }: Gateway,
  ending: AbortSignal,
): Promise<'Healthy' | 'Degraded' | 'Critical'> {
  const checks = await Promise.allSettled([sessions.check(), objects.check()]);
  if (checks.some(({ status }) => status === 'rejected')) return 'Critical';
  return ending.aborted ? 'Degraded' : 'Healthy';
}

async function listen(gateway: Gateway, ending: AbortSignal, request: Request, response: Response): Promise<void> {
  if (ending.aborted) throw new Failure('shutting_down', 'this gateway ends: ask again');
  const asked = readFileRequest(targetOf(request.url).query, gateway.settings.catalogue);
  response.setHeader(REQUEST_ID, asked.id);
  if (asked.callback !== null) await refuseCallback(gateway, asked.callback.url);
  const { ref, facts } = await begin(gateway, request, asked);
  if (asked.callback !== null) {
    response.json({ request_id: asked.id });
    return;
  }
  const signal = patience(response, gateway.settings.answerWaitMs, ending);
  const document = await waitedTranscript(gateway, ref, signal, asked.isNamed);
  response.json(listenResponse(document, facts, asked.options));
}

interface Begun {
  readonly ref: SessionRef;
  readonly facts: ListenFacts;
}

/** Starts the session of the audio in the body, or of what is at the address that the body names. */
async function begin(gateway: Gateway, request: Request, asked: FileRequest): Promise<Begun> {
  const { id, choice, channels } = asked;
  const created = new Date().toISOString();
  const factsOf = (sha256: string | null): ListenFacts => ({ requestId: id, sha256, created });
  if (isJson(request)) {
    const { url } = await readSource(request);
    const facts = factsOf(null);
    const input = await fileAt(gateway, url, choice, id);
    const announced = told(gateway, asked, facts);
    await gateway.sessions.startFile({
      ...input,
      channels,
      ...(announced === undefined ? await webhookFor(gateway, undefined) : { webhook: announced }),
    });
    return { ref: input.ref, facts };
  }
  refuseForm(request);
  refuseLargeBody(gateway, request);
  const body = new FileBody(request as AsyncIterable<Buffer>, asked.raw);
  const upload = await storeUpload(gateway, body.stored());
  const facts = factsOf(body.sha256());
  const target = told(gateway, asked, facts);
  const file = { ...upload, fileName: 'audio' };
  const { ref } = await startFileSession(gateway, file, choice, { id, channels, target });
  return { ref, facts };
}

/** Who is told of the session's end, if the client has named one. */
function told(gateway: Gateway, { callback, options }: FileRequest, facts: ListenFacts): WebhookTarget | undefined {
  return callback === null ? undefined : callbackTarget(gateway, callback, { facts, options });
}

const source = z.strictObject({ url: z.string().max(MAX_URL_LENGTH) });
const MAX_JSON_BYTES = 16 << 10;

async function readSource(request: Request): Promise<z.output<typeof source>> {
  try {
    return (await readJson(request, source, MAX_JSON_BYTES)).value;
  } catch (error) {
    // What is wrong with a body is not told as if it were the query's.
    throw error instanceof Failure && error.row.httpStatus === 400
      ? new Failure('invalid_message', error.message)
      : error;
  }
}

function refuseForm(request: Request): void {
  if (!isForm(request)) return;
  throw new Failure(
    'invalid_upload',
    'a form is not taken: the body is the audio itself, or {"url": …} as application/json',
  );
}
