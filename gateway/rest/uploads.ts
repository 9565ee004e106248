/** REST for uploads that come before their session: resumable ones by tus 1.0, presigned ones into the store itself. */
import { Server } from '@tus/server';
import { Router } from 'express';
import type { Request, Response } from 'express';
import { isUploadId } from '../../workflows/uploads.ts';
import { asFailure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { PresignedUploads } from '../uploads/presigned.ts';
import { TusStore } from '../uploads/tus-store.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import { Uploads } from '../uploads/uploads.ts';
import type { Upload } from '../uploads/uploads.ts';
import { readJson } from './json-body.ts';
import { problemOf } from './problem.ts';
import { completeUploadBody, presignBody } from './upload-schemas.ts';

const PATH = '/v1/uploads';
const TUS_VERSION = '1.0.0';
/** A thousand parts, each with its number and its tag. */
const MAX_JSON_BYTES = 256 << 10;

export function uploadRoutes(gateway: Gateway): Router {
  const { tenant, uploadTtlMs } = gateway.settings;
  const uploads = new Uploads(gateway.objects, tenant, uploadTtlMs);
  const presigned = new PresignedUploads(gateway, uploads);
  const tus = tusServer(gateway, uploads);
  const byTus = async (request: Request, response: Response): Promise<void> => {
    if (isOtherVersion(request)) response.status(412).setHeader('Tus-Version', TUS_VERSION).end();
    else await tus.handle(request, response);
  };
  const router = Router();
  router.options('/', byTus);
  router.post('/', async (request, response) => {
    if (request.headers['tus-resumable'] !== undefined) return byTus(request, response);
    const { value } = await readJson(request, presignBody, MAX_JSON_BYTES);
    const begun = await presigned.begin(value.presigned.bytes, value.presigned.filename ?? '');
    response.status(201).location(`${PATH}/${begun.id}`).json(begun);
  });
  router.options('/:id', byTus);
  router.head('/:id', byTus);
  router.patch('/:id', byTus);
  router.get('/:id', async (request, response) => {
    response.json(shownUpload(await uploads.find(request.params.id)));
  });
  router.delete('/:id', async (request, response) => {
    if (request.headers['tus-resumable'] !== undefined) return byTus(request, response);
    await presigned.remove(request.params.id);
    response.status(204).end();
  });
  router.post('/:id/complete', async (request, response) => {
    const { value } = await readJson(request, completeUploadBody, MAX_JSON_BYTES);
    response.json(shownUpload(await presigned.complete(request.params.id, value.parts)));
  });
  return router;
}

/** To be told by 412 and the versions that are known (tus 1.0, 3.2). */
const isOtherVersion = ({ headers }: Request): boolean => (headers['tus-resumable'] ?? TUS_VERSION) !== TUS_VERSION;

function shownUpload({ id, bytes, storedBytes, fileName, expiresMs, presigned }: Upload) {
  return {
    id,
    kind: presigned === undefined ? 'tus' : 'presigned',
    bytes,
    storedBytes,
    complete: storedBytes === bytes,
    filename: fileName,
    expiresAt: new Date(expiresMs).toISOString(),
  };
}

/** The tus server answers requests in the words of its protocol; its refusals are ours, where they are ours. */
function tusServer(gateway: Gateway, uploads: Uploads): Server {
  const { tenant, maxUploadBytes, uploadTtlMs, origins } = gateway.settings;
  return new Server({
    path: PATH,
    relativeLocation: true,
    datastore: new TusStore(gateway.objects, uploads, tenant, uploadTtlMs),
    maxSize: maxUploadBytes,
    allowedOrigins: (origin) => origins.allowedOrigins.includes(origin),
    namingFunction: () => newUploadId(),
    getFileIdFromRequest: (_request, last) => (last !== undefined && isUploadId(last) ? last : undefined),
    onResponseError: (request, error) => {
      // Refusals of the protocol itself (412, 409, 413, …) are in its own words.
      if (!(error instanceof Error)) return undefined;
      const failure = asFailure(error);
      if (failure.type === 'internal') gateway.log.error({ err: error }, 'an upload failed');
      const response = request.runtime?.node?.res as Response | undefined;
      response?.setHeader('Content-Type', 'application/problem+json');
      return { status_code: failure.row.httpStatus, body: JSON.stringify(problemOf(failure, PATH)) };
    },
  });
}
