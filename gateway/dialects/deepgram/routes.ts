/** Deepgram's HTTP addresses over file sessions: a client moves by changing its base address. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import { targetOf } from '../../protocol.ts';
import { startFileSession } from '../../rest/file-session.ts';
import { isForm } from '../../rest/form.ts';
import { refuseOtherMethods } from '../../rest/methods.ts';
import { refuseLargeBody, storeUpload } from '../../rest/stored-upload.ts';
import { patience, waitedTranscript } from '../../rest/waiting.ts';
import { REQUEST_ID, deepgramErrorHandler, sendError } from './error-handler.ts';
import { FileBody } from './file-body.ts';
import { readFileRequest } from './file-request.ts';
import type { FileRequest } from './file-request.ts';
import { listenResponse } from './response.ts';

/** What a gateway does at present. */
interface Activity {
  /** Live sessions with a client or a worker here. */
  liveSessions(): number;
  /** Aborted once the gateway takes in no more work. */
  readonly ending: AbortSignal;
}

/** To be put at `/v1`. */
export function deepgramRoutes(gateway: Gateway, activity: Activity): Router {
  const router = Router();
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
  const created = new Date().toISOString();
  refuseOtherBodies(request);
  refuseLargeBody(gateway, request);
  const body = new FileBody(request as AsyncIterable<Buffer>, asked.raw);
  const upload = await storeUpload(gateway, body.stored());
  const ref = await startFileSession(gateway, { ...upload, fileName: 'audio' }, asked.choice, asked.id);
  const signal = patience(response, gateway.settings.answerWaitMs, ending);
  const document = await waitedTranscript(gateway, ref, signal, asked.isNamed);
  response.json(listenResponse(document, factsOf(asked, body.sha256(), created), asked.options));
}

const factsOf = ({ id }: FileRequest, sha256: string | null, created: string) => ({
  requestId: id,
  sha256,
  created,
  channels: 1,
});

function refuseOtherBodies(request: Request): void {
  if (!isForm(request)) return;
  throw new Failure(
    'invalid_upload',
    'a form is not taken: the body is the audio itself, or {"url": …} as application/json',
  );
}
