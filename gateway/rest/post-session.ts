/** `POST /v1/sessions`: starts the session of a file that comes with the request, came before it, or is at an address. */
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { ProbedAnswer, SessionRef } from '../../workflows/contract.ts';
import { isUploadId } from '../../workflows/uploads.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { Uploads } from '../uploads/uploads.ts';
import { failureOf, refuseUndecodable, startFileSession } from './file-session.ts';
import { allowedUrl, startFromUrl } from './from-url.ts';
import { fingerprintOf, idempotencyKey, idOfKey, mismatch } from './idempotency.ts';
import { isJson, readJson } from './json-body.ts';
import { jsonSessionBody } from './post-bodies.ts';
import { queryOf } from './session-ref.ts';
import { sessionOf } from './shown-session.ts';
import { receiveUpload } from './upload.ts';
import type { UploadParameters } from './upload.ts';

/** A JSON body holds a few names. */
const MAX_JSON_BYTES = 16 << 10;

/** A session that is asked for. */
interface Wanted {
  readonly ref: SessionRef;
  /** What the same request holds when it is made again; null where making it again is making another. */
  readonly fingerprint: string | null;
  /** Why not, where the session is there and was made from something else. */
  readonly otherwise: Failure;
  /** Answers the decoder's verdict, if it comes in time. Null: the session is there, and nothing was kept. */
  readonly begin: (() => Promise<ProbedAnswer | null>) | null;
}

/** A session that this request has begun. */
interface Begun {
  readonly verdict: ProbedAnswer | null;
}

export async function postSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const key = idempotencyKey(request);
  const wanted = isJson(request) ? await byName(gateway, request, key) : await byFile(gateway, request, key);
  const begun = wanted.begin === null ? null : await begin(gateway, wanted, wanted.begin);
  if (begun === null) await requireSame(gateway, wanted);
  await answer(gateway, wanted.ref, begun, response);
}

async function byFile(gateway: Gateway, request: Request, key: string | null): Promise<Wanted> {
  const { tenant, catalogue, prepareWaitMs: waitMs } = gateway.settings;
  const keyed = key === null ? null : { tenant, id: idOfKey('session', key) };
  const isThere = keyed !== null && (await gateway.sessions.fingerprint(keyed)) !== null;
  const keeping = keyed === null ? 'store' : isThere ? 'compare' : 'hash';
  const check = (parameters: UploadParameters): void => {
    chooseModel(parameters, catalogue);
    if (keyed !== null) refuseName(parameters);
  };
  const upload = await receiveUpload(gateway, request, check, keeping);
  const { parameters, fileName, digest } = upload;
  const ref = keyed ?? { tenant, id: parameters.session ?? randomUUID() };
  const fingerprint = digest === null ? null : fingerprintOf({ ...parameters, filename: fileName }, digest);
  const choice = chooseModel(parameters, catalogue);
  const options = { id: ref.id, channels: parameters.channels, fingerprint, waitMs };
  const start = async () => (await startFileSession(gateway, upload, choice, options)).verdict;
  return { ref, fingerprint, otherwise: mismatch('session'), begin: isThere ? null : start };
}

/** A JSON body names the file. */
async function byName(gateway: Gateway, request: Request, key: string | null): Promise<Wanted> {
  const [inQuery] = Object.keys(queryOf(request));
  if (inQuery !== undefined) {
    throw new Failure('invalid_parameter', `${inQuery}: beside a JSON body everything stands in the body`);
  }
  const { uploadId, url, ...parameters } = (await readJson(request, jsonSessionBody, MAX_JSON_BYTES)).value;
  chooseModel(parameters, gateway.settings.catalogue);
  if (key !== null) refuseName(parameters);
  if (uploadId !== undefined) return byUpload(gateway, uploadId, parameters, key);
  return byUrl(gateway, { ...parameters, url: url ?? '' }, key);
}

async function byUrl(gateway: Gateway, body: UploadParameters & { url: string }, key: string | null): Promise<Wanted> {
  await allowedUrl(gateway, body.url);
  const { url, ...parameters } = body;
  const id = key === null ? (body.session ?? randomUUID()) : idOfKey('session', key);
  const ref = { tenant: gateway.settings.tenant, id };
  const fingerprint = key === null ? null : fingerprintOf(parameters, `url ${url}`);
  const start = () => startFromUrl(gateway, body, id, fingerprint);
  const isThere = key !== null && (await gateway.sessions.fingerprint(ref)) !== null;
  return { ref, fingerprint, otherwise: mismatch('session'), begin: isThere ? null : start };
}

/** The upload's id is a key of its own: asked for twice, one upload gives one session. */
async function byUpload(
  gateway: Gateway,
  uploadId: string,
  parameters: UploadParameters,
  key: string | null,
): Promise<Wanted> {
  const { tenant, catalogue, uploadTtlMs, prepareWaitMs: waitMs } = gateway.settings;
  if (!isUploadId(uploadId)) throw new Failure('not_found', 'no such upload');
  const id = key === null ? (parameters.session ?? uploadId) : idOfKey('session', key);
  const ref = { tenant, id };
  const fingerprint = fingerprintOf(parameters, `upload ${uploadId}`);
  const otherwise = key === null ? exists(ref) : mismatch('session');
  if ((await gateway.sessions.fingerprint(ref)) !== null) return { ref, fingerprint, otherwise, begin: null };
  // A claim is for ever: it is not wasted on a name that is taken.
  if (await gateway.sessions.exists(ref)) throw otherwise;
  const upload = await new Uploads(gateway.objects, tenant, uploadTtlMs).claim(uploadId, id);
  const file = { uploadId, bytes: upload.bytes, fileName: parameters.filename ?? upload.fileName };
  const choice = chooseModel(parameters, catalogue);
  const options = { id, fingerprint, channels: parameters.channels, keepUpload: true, waitMs };
  const start = async () => (await startFileSession(gateway, file, choice, options)).verdict;
  return { ref, fingerprint, otherwise, begin: start };
}

const exists = ({ id }: SessionRef): Failure =>
  new Failure('session_exists', `a session with the id ${id} exists already, made from something else`);

/** The id of the session follows from the key: with a name besides, one key could make two sessions. */
function refuseName({ session }: UploadParameters): void {
  if (session === undefined) return;
  throw new Failure('invalid_parameter', 'session: leave it out beside an Idempotency-Key, from which the id follows');
}

/** Answers null when the session is there already, made by the same key. */
async function begin(
  gateway: Gateway,
  { ref, fingerprint }: Wanted,
  start: NonNullable<Wanted['begin']>,
): Promise<Begun | null> {
  try {
    return { verdict: await start() };
  } catch (error) {
    const isAgain = error instanceof Failure && error.type === 'session_exists' && fingerprint !== null;
    if (!isAgain || (await gateway.sessions.fingerprint(ref)) === null) throw error;
    return null;
  }
}

async function requireSame(gateway: Gateway, { ref, fingerprint, otherwise }: Wanted): Promise<void> {
  if ((await gateway.sessions.fingerprint(ref)) !== fingerprint) throw otherwise;
}

/** The decoder's verdict, where it comes soon; a request made again is told what the first one was told. */
async function answer(gateway: Gateway, ref: SessionRef, begun: Begun | null, response: Response): Promise<void> {
  const { sessions, settings } = gateway;
  const { verdict } = begun ?? { verdict: await sessions.probed(ref, settings.prepareWaitMs) };
  const view = refuseUndecodable(verdict) ?? (await sessions.view(ref));
  if (begun === null && view.state === 'failed') throw failureOf(view.reason, view.detail);
  response.status(202).location(`/v1/sessions/${ref.id}`).json(sessionOf(ref, view));
}
