/** REST for sessions: post a file, list, look, read the transcript, cancel, delete. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { objectKeys } from '../../workflows/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { answerErasure } from './erasing.ts';
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
  router.delete('/:id', (request, response) => eraseSession(gateway, request, response));
  router.post('/:id/handover', (request, response) => handOverSession(gateway, request, response));
  router.get('/:id/transcript', (request, response) => showTranscript(gateway, request, response));
  addFileOperations(router, gateway);
  return refuseOtherMethods(router);
}

async function showSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  response.json(sessionOf(ref, await gateway.sessions.look(ref)));
}

/** What is deleted is gone from lists, storage and histories; what Temporal has forgotten may still be in storage. */
async function eraseSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  if (!(await gateway.sessions.exists(ref)) && !(await hasObjects(gateway, ref))) {
    throw new Failure('not_found', 'no such session');
  }
  await answerErasure(ref, (waitMs) => gateway.erasures.erase(ref, waitMs), response);
}

async function hasObjects({ objects }: Gateway, ref: SessionRef): Promise<boolean> {
  for await (const { bytes } of objects.list(objectKeys.session(ref))) return bytes >= 0;
  return false;
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
