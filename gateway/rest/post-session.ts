/** `POST /v1/sessions`: starts the session of a file that comes with the request, or of an upload that came before it. */
import type { Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import type { SessionRef } from '../../workflows/contract.ts';
import { isUploadId } from '../../workflows/uploads.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { Uploads } from '../uploads/uploads.ts';
import { failureOf, refuseUndecodable, startFileSession } from './file-session.ts';
import { fingerprintOf, idempotencyKey, idOfKey, mismatch } from './idempotency.ts';
import { isJson, readJson } from './json-body.ts';
import { fromUploadBody } from './schemas.ts';
import { sessionOf } from './shown-session.ts';
import { receiveUpload } from './upload.ts';
import type { UploadParameters } from './upload.ts';

/** A JSON body holds a few names. */
const MAX_JSON_BYTES = 16 << 10;

/** A session that is asked for. */
interface Wanted {
  readonly ref: SessionRef;
  readonly parameters: UploadParameters;
  /** What the same request holds when it is made again; null where making it again is making another. */
  readonly fingerprint: string | null;
  /** What it is to be made from; null: the session is there, and nothing was kept. */
  readonly source: { readonly uploadId: string; readonly fileName: string; readonly bytes: number } | null;
  /** Why not, where the session is there and was made from something else. */
  readonly otherwise: Failure;
  /** The upload came before the request, and stays where no session can be started. */
  readonly keepUpload: boolean;
}

export async function postSession(gateway: Gateway, request: Request, response: Response): Promise<void> {
  const key = idempotencyKey(request);
  const wanted = isJson(request) ? await byUpload(gateway, request, key) : await byFile(gateway, request, key);
  const isNew = wanted.source !== null && (await start(gateway, wanted, wanted.source));
  if (!isNew) await requireSame(gateway, wanted);
  await answer(gateway, wanted.ref, isNew, response);
}

async function byFile(gateway: Gateway, request: Request, key: string | null): Promise<Wanted> {
  const { tenant, catalogue } = gateway.settings;
  const keyed = key === null ? null : { tenant, id: idOfKey('session', key) };
  const isThere = keyed !== null && (await gateway.sessions.fingerprint(keyed)) !== null;
  const keeping = keyed === null ? 'store' : isThere ? 'compare' : 'hash';
  const check = (parameters: UploadParameters): void => {
    chooseModel(parameters, catalogue);
    if (keyed !== null) refuseName(parameters);
  };
  const upload = await receiveUpload(gateway, request, check, keeping);
  const { parameters, uploadId, fileName, bytes, digest } = upload;
  return {
    ref: keyed ?? { tenant, id: parameters.session ?? randomUUID() },
    parameters,
    fingerprint: digest === null ? null : fingerprintOf({ ...parameters, filename: fileName }, digest),
    source: isThere ? null : { uploadId, fileName, bytes },
    otherwise: mismatch('session'),
    keepUpload: false,
  };
}

/** The upload's id is a key of its own: asked for twice, one upload gives one session. */
async function byUpload(gateway: Gateway, request: Request, key: string | null): Promise<Wanted> {
  const { tenant, catalogue, uploadTtlMs } = gateway.settings;
  const { uploadId, ...parameters } = (await readJson(request, fromUploadBody, MAX_JSON_BYTES)).value;
  chooseModel(parameters, catalogue);
  if (key !== null) refuseName(parameters);
  if (!isUploadId(uploadId)) throw new Failure('not_found', 'no such upload');
  const id = key === null ? (parameters.session ?? uploadId) : idOfKey('session', key);
  const ref = { tenant, id };
  const common = { ref, parameters, fingerprint: fingerprintOf(parameters, `upload ${uploadId}`) };
  const otherwise = key === null ? exists(ref) : mismatch('session');
  const kept = { ...common, otherwise, keepUpload: true };
  if ((await gateway.sessions.fingerprint(ref)) !== null) return { ...kept, source: null };
  // A claim is for ever: it is not wasted on a name that is taken.
  if (await gateway.sessions.exists(ref)) throw otherwise;
  const upload = await new Uploads(gateway.objects, tenant, uploadTtlMs).claim(uploadId, id);
  const fileName = parameters.filename ?? upload.fileName;
  return { ...kept, source: { uploadId, fileName, bytes: upload.bytes } };
}

const exists = ({ id }: SessionRef): Failure =>
  new Failure('session_exists', `a session with the id ${id} exists already, made from something else`);

/** The id of the session follows from the key: with a name besides, one key could make two sessions. */
function refuseName({ session }: UploadParameters): void {
  if (session === undefined) return;
  throw new Failure('invalid_parameter', 'session: leave it out beside an Idempotency-Key, from which the id follows');
}

/** Answers false when the session is there already, made by the same key. */
async function start(gateway: Gateway, wanted: Wanted, source: NonNullable<Wanted['source']>): Promise<boolean> {
  const { ref, parameters, fingerprint, keepUpload } = wanted;
  const choice = chooseModel(parameters, gateway.settings.catalogue);
  try {
    await startFileSession(gateway, source, choice, { id: ref.id, fingerprint, keepUpload });
    return true;
  } catch (error) {
    const isAgain = error instanceof Failure && error.type === 'session_exists' && fingerprint !== null;
    if (!isAgain || (await gateway.sessions.fingerprint(ref)) === null) throw error;
    return false;
  }
}

async function requireSame(gateway: Gateway, { ref, fingerprint, otherwise }: Wanted): Promise<void> {
  if ((await gateway.sessions.fingerprint(ref)) !== fingerprint) throw otherwise;
}

/** The decoder's verdict, where it comes soon; a request made again is told what the first one was told. */
async function answer(gateway: Gateway, ref: SessionRef, isNew: boolean, response: Response): Promise<void> {
  await refuseUndecodable(gateway, ref);
  const view = await gateway.sessions.view(ref);
  if (!isNew && view.state === 'failed') throw failureOf(view.reason, view.detail);
  response.status(202).location(`/v1/sessions/${ref.id}`).json(sessionOf(ref, view));
}
