/** REST for sessions: post a file, list, look, read the transcript, cancel. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { LOG_BYTES_PER_MS, NAME_PATTERN } from '../../workflows/contract.ts';
import type { SessionRef, TranscriptFormat } from '../../workflows/contract.ts';
import { render } from '../../workflows/render.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel, parseParameters, queryObject, targetOf } from '../protocol.ts';
import { readSegments, readTranscript } from '../transcripts.ts';
import { failureOf, refuseUndecodable, startFileSession } from './file-session.ts';
import { refuseOtherMethods } from './methods.ts';
import { listParameters, transcriptParameters } from './schemas.ts';
import { sessionOf } from './session-view.ts';
import { receiveUpload } from './upload.ts';

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

const query = (request: Request): Record<string, string> => queryObject(targetOf(request.url).query);

/** A name that cannot be one is answered like one that does not exist. */
function refOf(gateway: Gateway, request: Request): SessionRef {
  const { id } = request.params;
  if (typeof id !== 'string' || !NAME_PATTERN.test(id)) throw new Failure('not_found', 'no such session');
  return { tenant: gateway.settings.tenant, id };
}

async function postFile(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const { catalogue } = gateway.settings;
  const upload = await receiveUpload(gateway, request, (given) => chooseModel(given, catalogue));
  const choice = chooseModel(upload.parameters, catalogue);
  const { session, channels } = upload.parameters;
  const ref = await startFileSession(gateway, { ...upload, channels }, choice, session);
  await refuseUndecodable(gateway, ref);
  const view = await gateway.sessions.view(ref);
  response.status(202).location(`/v1/sessions/${ref.id}`).json(sessionOf(ref, view));
}

async function listSessions(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const { limit, cursor } = parseParameters(listParameters, query(request));
  const page = await gateway.sessions.list(gateway.settings.tenant, limit, cursor ?? null);
  response.json({ sessions: page.sessions, nextCursor: page.cursor });
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

const CONTENT_TYPES: Record<TranscriptFormat, string> = {
  txt: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
  srt: 'application/x-subrip; charset=utf-8',
  vtt: 'text/vtt; charset=utf-8',
};

async function showTranscript(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const { format } = parseParameters(transcriptParameters, query(request));
  const ref = refOf(gateway, request);
  const written = await readTranscript(gateway.objects, ref, format);
  const body = written === null ? await transcriptSoFar(gateway, ref, format) : Buffer.from(written);
  response.setHeader('Content-Type', CONTENT_TYPES[format]);
  response.send(body);
}

/** A live session that goes on has a transcript up to its last final. */
async function transcriptSoFar(gateway: Gateway, ref: SessionRef, format: TranscriptFormat): Promise<string> {
  const view = await gateway.sessions.view(ref);
  if (view.state === 'failed') throw failureOf(view.reason, view.detail);
  if (view.kind === 'file')
    throw new Failure('not_finished', `the file is ${view.state}: its transcript is written at the end`);
  const segments = await readSegments(gateway.sessions, gateway.objects, ref, 0);
  const { id, tenant } = ref;
  const { model, language } = view;
  const text = segments.map((segment) => segment.text).join(' ');
  const audioMs = Math.round(view.throughByte / LOG_BYTES_PER_MS);
  const document = { id, tenant, model, language, state: view.state, audioMs, text, segments };
  return render(document, format);
}
