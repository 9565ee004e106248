/** REST for sessions: post a file, list, look, read the transcript, cancel. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { addFileOperations } from './file-operations.ts';
import { refuseOtherMethods } from './methods.ts';
import { postSession } from './post-session.ts';
import { listSessions } from './session-list.ts';
import { refOf } from './session-ref.ts';
import { sessionOf } from './shown-session.ts';
import { showTranscript } from './transcript.ts';

export function sessionRoutes(gateway: Gateway): Router {
  const router = Router();
  router.post('/', (request, response) => postSession(gateway, request, response));
  router.get('/', (request, response) => listSessions(gateway, request, response));
  router.get('/:id', (request, response) => showSession(gateway, request, response));
  router.delete('/:id', (request, response) => cancelSession(gateway, request, response));
  router.post('/:id/handover', (request, response) => handOverSession(gateway, request, response));
  router.get('/:id/transcript', (request, response) => showTranscript(gateway, request, response));
  addFileOperations(router, gateway);
  return refuseOtherMethods(router);
}

async function showSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  response.json(sessionOf(ref, await gateway.sessions.view(ref)));
}

async function cancelSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  await gateway.sessions.cancel(ref).catch(async (error: unknown) => {
    // A session that has ended cannot be cancelled any more, and is as it was.
    if (!(error instanceof Failure && error.type === 'not_found' && (await gateway.sessions.exists(ref)))) throw error;
  });
  response.status(202).json(sessionOf(ref, await gateway.sessions.view(ref)));
}

async function handOverSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const view = await gateway.sessions.view(ref);
  if (view.lease === null) {
    throw new Failure('not_streaming', `the session is ${view.state}: there is no worker to take it from`);
  }
  await gateway.sessions.handOver(ref);
  response.status(202).json(sessionOf(ref, view));
}
