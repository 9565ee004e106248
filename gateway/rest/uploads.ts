/** REST for uploads that come before their session: resumable ones by tus 1.0, presigned ones into the store itself. */
import { Router } from 'express';
import type { Request, Response } from 'express';
import { isUploadId } from '../../workflows/uploads.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { PresignedUploads } from '../uploads/presigned.ts';
import { Uploads } from '../uploads/uploads.ts';
import type { Upload } from '../uploads/uploads.ts';
import { readJson } from './json-body.ts';
import { refuseOtherMethods } from './methods.ts';
import { tusHandler } from './tus.ts';
import { completeUploadBody, presignBody } from './upload-schemas.ts';

const PATH = '/v1/uploads';
/** A thousand parts, each with its number and its tag. */
const MAX_JSON_BYTES = 256 << 10;

export function uploadRoutes(gateway: Gateway): Router {
  const { tenant, uploadTtlMs } = gateway.settings;
  const uploads = new Uploads(gateway.objects, tenant, uploadTtlMs);
  const presigned = new PresignedUploads(gateway, uploads);
  const tus = tusHandler(gateway, uploads, PATH);
  const byTus = async (request: Request, response: Response): Promise<void> => {
    const { id } = request.params;
    if (typeof id === 'string' && !isUploadId(id)) throw new Failure('not_found', 'no such upload');
    await tus(request, response);
  };
  const router = Router();
  // To whoever asks what this server can do (tus 1.0, 3.5.4).
  router.use((request, response, next) => (request.method === 'OPTIONS' ? byTus(request, response) : next()));
  router.post('/', async (request, response) => {
    if (request.headers['tus-resumable'] !== undefined) return byTus(request, response);
    const { value } = await readJson(request, presignBody, MAX_JSON_BYTES);
    const begun = await presigned.begin(value.presigned.bytes, value.presigned.filename ?? '');
    response.status(201).location(`${PATH}/${begun.id}`).json(begun);
  });
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
  return refuseOtherMethods(router);
}

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
