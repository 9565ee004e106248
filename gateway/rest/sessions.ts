/** REST for sessions: post a file, list, look, read the transcript, cancel. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import type { z } from 'zod';
import { LOG_BYTES_PER_MS } from '../../workflows/contract.ts';
import type { SessionRef, SessionView } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { refuseUndecodable, startFileSession } from './file-session.ts';
import { startFromUrl } from './from-url.ts';
import { isJson } from './json-body.ts';
import { refuseOtherMethods } from './methods.ts';
import type { sessionSchema } from './schemas.ts';
import { listSessions } from './session-list.ts';
import { refOf } from './session-ref.ts';
import { showTranscript } from './transcript.ts';
import { receiveUpload } from './upload.ts';

export type Session = z.input<typeof sessionSchema>;

export function sessionRoutes(gateway: Gateway): Router {
  const router = Router();
  router.post('/', (request, response) => postFile(gateway, request, response));
  router.get('/', (request, response) => listSessions(gateway, request, response));
  router.get('/:id', (request, response) => showSession(gateway, request, response));
  router.delete('/:id', (request, response) => cancelSession(gateway, request, response));
  router.post('/:id/handover', (request, response) => handOverSession(gateway, request, response));
  router.get('/:id/transcript', (request, response) => showTranscript(gateway, request, response));
  return refuseOtherMethods(router);
}

async function postFile(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = isJson(request) ? await startFromUrl(gateway, request) : await startFromBody(gateway, request);
  await refuseUndecodable(gateway, ref);
  const view = await gateway.sessions.view(ref);
  response.status(202).location(`/v1/sessions/${ref.id}`).json(sessionOf(ref, view));
}

async function startFromBody(gateway: Gateway, request: Request): Promise<SessionRef> {
  const { catalogue } = gateway.settings;
  const upload = await receiveUpload(gateway, request, (given) => chooseModel(given, catalogue));
  const choice = chooseModel(upload.parameters, catalogue);
  return startFileSession(gateway, upload, choice, upload.parameters.session);
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

/** A session as REST shows it. */
export function sessionOf(ref: SessionRef, view: SessionView): Session {
  const { lease, throughByte, audioEndByte, reason, detail } = view;
  const ended = view.state === 'completed';
  const share = audioEndByte === null || audioEndByte === 0 ? null : Math.min(1, throughByte / audioEndByte);
  return {
    id: ref.id,
    kind: view.kind === 'file' ? 'file' : 'live',
    state: view.state,
    model: view.model,
    language: view.language,
    priority: view.priority,
    labels: [...(view.labels ?? [])],
    attached: view.attached,
    lease: lease === null ? null : { leaseId: lease.leaseId, epoch: lease.epoch, workerId: lease.workerId },
    epoch: view.epoch,
    segments: view.nextIndex,
    transcribedMs: Math.round(throughByte / LOG_BYTES_PER_MS),
    audioMs: audioEndByte === null ? null : Math.round(audioEndByte / LOG_BYTES_PER_MS),
    progress: ended ? 1 : share,
    spans: view.spans,
    error: reason === null ? null : { code: reason, detail },
  };
}
