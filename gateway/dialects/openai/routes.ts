/** OpenAI's REST addresses for audio, over file sessions: a client moves by changing its base address. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { NAME_PATTERN } from '../../../workflows/contract.ts';
import type { SessionRef, TranscriptDocument } from '../../../workflows/contract.ts';
import { Failure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import type { Requests } from '../../requests.ts';
import { startFileSession, refuseUndecodable } from '../../rest/file-session.ts';
import { isForm, receiveForm } from '../../rest/form.ts';
import { refuseOtherMethods } from '../../rest/methods.ts';
import { plainName } from '../../rest/file-name.ts';
import { patience, waitedTranscript, WaitEnded } from '../../rest/waiting.ts';
import { modelNames } from '../aliases.ts';
import { answerOf } from './answer.ts';
import { streamTranscript } from './event-stream.ts';
import { transcriptionForm, unknownModel } from './parameters.ts';
import type { TranscriptionRequest } from './parameters.ts';
import { openAiErrorHandler, OpenAiRefusal } from './refusal.ts';

/** Names the session: of a request, if the client wants to choose it; of every answer. */
const SESSION_HEADER = 'X-Longhand-Session';

/** To be put at `/v1`. @param gatewayEnds aborted once the gateway takes in no more work */
export function openAiRoutes(gateway: Gateway, requests: Requests, gatewayEnds: AbortSignal): Router {
  const router = Router();
  router.use(['/audio', '/models'], requests.counted);
  const created = Math.floor(Date.now() / 1000);
  const refuseWhenEnding = (): void => {
    if (gatewayEnds.aborted) throw new Failure('shutting_down', 'this gateway ends: ask again');
  };
  router.post('/audio/transcriptions', (request, response) => {
    refuseWhenEnding();
    return transcribe(gateway, gatewayEnds, request, response);
  });
  router.post('/audio/translations', () => {
    throw new OpenAiRefusal(
      'Translation is not supported: models here write the language that is spoken; use /v1/audio/transcriptions',
      null,
      'unsupported_endpoint',
    );
  });
  router.get('/models', (_request, response) => {
    const data = modelNames(gateway.settings.catalogue).map((id) => modelOf(id, created));
    response.json({ object: 'list', data });
  });
  router.get('/models/:id', (request, response) => {
    const { id } = request.params;
    const { catalogue } = gateway.settings;
    if (!modelNames(catalogue).includes(id)) throw unknownModel(id, catalogue);
    response.json(modelOf(id, created));
  });
  refuseOtherMethods(router);
  router.use(openAiErrorHandler(gateway.log));
  return router;
}

/** @param created seconds since 1970: when this gateway began to serve it */
const modelOf = (id: string, created: number) => ({ id, object: 'model', created, owned_by: 'longhand' });

async function transcribe(
  gateway: Gateway,
  gatewayEnds: AbortSignal,
  request: Request,
  response: Response,
): Promise<void> {
  const named = sessionNamed(request);
  const id = named ?? randomUUID();
  response.setHeader('x-request-id', id);
  refuseOtherBodies(request);
  const { fields: asked, ...upload } = await receiveForm(
    gateway,
    request,
    transcriptionForm(gateway.settings.catalogue),
  );
  const { ref } = await startFileSession(gateway, { ...upload, fileName: plainName(upload.fileName) }, asked.choice, {
    id,
  });
  response.setHeader(SESSION_HEADER, id);
  response.setHeader('X-Longhand-Model', asked.choice.model);
  if (asked.ignored.length > 0) response.setHeader('X-Longhand-Ignored', asked.ignored.join(', '));
  const finished = waitFor(
    gateway,
    ref,
    patience(response, gateway.settings.answerWaitMs, gatewayEnds),
    named !== null,
  );
  // Whoever does not get as far as to wait for it need not hear how it went.
  finished.catch(() => undefined);
  refuseUndecodable(await gateway.sessions.probed(ref, gateway.settings.prepareWaitMs));
  await answer(gateway, response, ref, asked, finished);
}

async function answer(
  gateway: Gateway,
  response: Response,
  ref: SessionRef,
  asked: TranscriptionRequest,
  finished: Promise<TranscriptDocument>,
): Promise<void> {
  if (asked.stream) {
    await streamTranscript(response, gateway.objects, ref, finished);
    return;
  }
  const { contentType, body } = answerOf(await finished, asked);
  response.type(contentType).send(body);
}

/** The transcript; one that is not ready in time has an answer of its own. */
async function waitFor(
  gateway: Gateway,
  ref: SessionRef,
  signal: AbortSignal,
  isNamed: boolean,
): Promise<TranscriptDocument> {
  try {
    return await waitedTranscript(gateway, ref, signal, isNamed);
  } catch (error) {
    if (!(error instanceof WaitEnded)) throw error;
    throw new OpenAiRefusal(
      `The transcript was not ready in time. Its session goes on: GET /v1/sessions/${ref.id}/transcript`,
      null,
      'timeout',
      504,
    );
  }
}

function sessionNamed(request: Request): string | null {
  const id = request.get(SESSION_HEADER);
  if (id === undefined) return null;
  if (NAME_PATTERN.test(id)) return id;
  throw new OpenAiRefusal(
    `${SESSION_HEADER} is a name: letters, digits, ".", "_", "-", at most 128, first a letter or digit`,
    SESSION_HEADER,
  );
}

function refuseOtherBodies(request: Request): void {
  if (isForm(request)) return;
  const given = request.get('content-type')?.split(';')[0]?.slice(0, 80) ?? 'none';
  throw new OpenAiRefusal(
    `Unsupported content type: '${given}'. This API method only accepts 'multipart/form-data' requests.`,
    null,
    'unsupported_content_type',
  );
}
