/** REST for what may be done with a file, and with the audio of any session: stop, restart, cancel, transcribe again. */
import type { Request, Response, Router } from 'express';
import type { SessionRef, SessionView, VersionInput } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { nextVersion, versionsOf } from '../versions.ts';
import { readJson } from './json-body.ts';
import { retranscriptionBody, VERSION_PATTERN } from './schemas.ts';
import { refOf } from './session-ref.ts';
import { sessionOf } from './shown-session.ts';

export function addFileOperations(router: Router, gateway: Gateway): void {
  router.post('/:id/stop', (request, response) => stopFile(gateway, request, response));
  router.post('/:id/restart', (request, response) => restartFile(gateway, request, response));
  router.post('/:id/cancel', (request, response) => cancelSession(gateway, request, response));
  router.post('/:id/transcripts', (request, response) => transcribeAgain(gateway, request, response));
  router.get('/:id/transcripts', (request, response) => listVersions(gateway, request, response));
  router.post('/:id/transcripts/:version/cancel', (request, response) => cancelVersion(gateway, request, response));
}

const OVER: readonly SessionView['state'][] = ['completed', 'stopped', 'cancelled', 'failed'];
const isOver = ({ state }: SessionView): boolean => OVER.includes(state);

/** Reasons for which a file was not taken: it will not be another time either. */
const REFUSED: readonly (string | null)[] = ['unsupported_audio', 'empty_audio', 'too_long'];
const MAX_BODY_BYTES = 16 << 10;
/** So many requests for a version of one session may come at once. */
const MAX_TRIES = 20;

function requireFile({ kind }: SessionView): void {
  if (kind !== 'file')
    throw new Failure('wrong_state', 'the session is live: a file is stopped and restarted, a live session cancelled');
}

async function stopFile(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const view = await gateway.sessions.view(ref);
  requireFile(view);
  if (isOver(view)) throw new Failure('wrong_state', `the file is ${view.state}: one that goes on can be stopped`);
  await gateway.files.stop(ref);
  response.status(202).json(sessionOf(ref, await gateway.sessions.view(ref)));
}

async function restartFile(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const view = await gateway.sessions.view(ref);
  requireFile(view);
  if (!isOver(view)) throw new Failure('wrong_state', `the file is ${view.state}: one that was stopped goes on again`);
  if (view.state === 'completed') throw new Failure('wrong_state', 'the file is completed: nothing is left to do');
  if (REFUSED.includes(view.reason)) {
    throw new Failure('wrong_state', `the file was refused (${view.reason ?? ''}): post another one`);
  }
  const input = await gateway.files.input(ref);
  const { bounds, weightOf } = gateway.settings;
  const restarts = (input.restarts ?? 0) + 1;
  await gateway.files.restart({ ...input, bounds, weight: weightOf(ref.tenant), restarts });
  response.status(202).json(sessionOf(ref, await gateway.sessions.view(ref)));
}

async function cancelSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  await gateway.sessions.cancel(ref).catch(async (error: unknown) => {
    // A session that has ended cannot be cancelled any more, and is as it was.
    if (!(error instanceof Failure && error.type === 'not_found' && (await gateway.sessions.exists(ref)))) throw error;
  });
  response.status(202).json(sessionOf(ref, await gateway.sessions.view(ref)));
}

async function transcribeAgain(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const { value } = await readJson(request, retranscriptionBody, MAX_BODY_BYTES);
  const { model, language, priority } = chooseModel(value, gateway.settings.catalogue);
  const view = await gateway.sessions.view(ref);
  if (!isOver(view))
    throw new Failure('wrong_state', `the session is ${view.state}: its audio is transcribed again once it has ended`);
  if (view.audioEndByte === null && view.kind === 'file')
    throw new Failure('wrong_state', 'no audio of the file is stored: restart it');
  const { bounds, weightOf } = gateway.settings;
  const input = { kind: 'version', ref, model, language, priority, weight: weightOf(ref.tenant), bounds } as const;
  const version = await startVersion(gateway, ref, input);
  const createdAt = new Date().toISOString();
  response.status(202).json({ version, model, language, state: 'preparing', createdAt });
}

async function startVersion(gateway: Gateway, ref: SessionRef, input: Omit<VersionInput, 'version'>): Promise<number> {
  const first = await nextVersion(gateway.objects, ref);
  for (let version = first; version < first + MAX_TRIES; version += 1) {
    if (await gateway.files.startVersion({ ...input, version })) return version;
  }
  throw new Failure('wrong_state', 'many versions of this session are being started: try again');
}

async function listVersions(gateway: Gateway, request: Request, response: Response): Promise<void> {
  response.json({ transcripts: await versionsOf(gateway, refOf(gateway, request)) });
}

async function cancelVersion(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const ref = refOf(gateway, request);
  const { version: asked } = request.params;
  if (typeof asked !== 'string' || !VERSION_PATTERN.test(asked)) throw new Failure('not_found', 'no such version');
  const version = Number(asked);
  if (version === 1) throw new Failure('wrong_state', 'version 1 is the session itself: cancel that');
  await gateway.files.cancelVersion(ref, version);
  const { model, language, state, startedAt = null } = await gateway.files.versionView(ref, version);
  response.status(202).json({ version, model, language, state, createdAt: startedAt });
}
