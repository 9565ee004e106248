/** The uploads' operations: resumable ones by tus 1.0 (https://tus.io), presigned ones. */
import type { OpenAPIRegistry } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { completeUploadBody, presignBody, presignedSchema, uploadSchema } from '../upload-schemas.ts';
import { ALWAYS, BAD_PARAMETERS, json, problems, withId } from './parts.ts';

const STORAGE = ['storage_unavailable', 'storage_full'] as const;

const tusVersion = z.object({ 'Tus-Resumable': z.string().optional().describe('1.0.0, for requests by tus') });
const nothing = (description: string) => ({ description });
const NO_TUS = { 412: nothing('By tus: another version of the protocol than 1.0.0') };

/** Refusals of ours, and those of the protocol itself, which are a line in its own words. */
function refusals(byTus: readonly number[], ...types: Parameters<typeof problems>) {
  const ours: Record<number, { description: string; content?: object }> = problems(...types);
  const words = { 'text/plain': { schema: z.string() } };
  const theirs = byTus.map((status) => {
    const { description, content } = ours[status] ?? { description: 'By tus: what is wrong' };
    return [status, { description, content: { ...content, ...words } }];
  });
  return { ...ours, ...NO_TUS, ...(Object.fromEntries(theirs) as Record<number, { description: string }>) };
}

export function describeUploads(registry: OpenAPIRegistry): void {
  describeBegin(registry);
  describeOne(registry);
  describeTus(registry);
}

function describeBegin(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'post',
    path: '/v1/uploads',
    tags: ['uploads'],
    summary: 'Begin an upload: by tus 1.0 (with the header Tus-Resumable), or presigned',
    request: {
      headers: tusVersion,
      body: { content: { 'application/json': { schema: presignBody } } },
    },
    responses: {
      201: json(presignedSchema, 'Begun. By tus the answer has no body: Location says where the bytes go'),
      ...refusals(
        [400, 403, 413, 501],
        ...BAD_PARAMETERS,
        ...STORAGE,
        'empty_audio',
        'incomplete_upload',
        'upload_too_large',
        'not_presignable',
        ...ALWAYS,
      ),
    },
  });
}

function describeOne(registry: OpenAPIRegistry): void {
  registry.registerPath({
    method: 'get',
    path: '/v1/uploads/{id}',
    tags: ['uploads'],
    summary: 'One upload: how much of it has come',
    request: { params: withId },
    responses: { 200: json(uploadSchema, 'The upload'), ...problems('not_found', 'storage_unavailable', ...ALWAYS) },
  });
  registry.registerPath({
    method: 'delete',
    path: '/v1/uploads/{id}',
    tags: ['uploads'],
    summary: 'End an upload: what has come of it is deleted',
    request: { params: withId, headers: tusVersion },
    responses: {
      204: nothing('It is gone'),
      ...refusals([400, 403], 'not_found', 'upload_used', ...STORAGE, ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'post',
    path: '/v1/uploads/{id}/complete',
    tags: ['uploads'],
    summary: 'Join the parts of a presigned upload',
    request: {
      params: withId,
      body: { required: true, content: { 'application/json': { schema: completeUploadBody } } },
    },
    responses: {
      200: json(uploadSchema, 'The upload is whole'),
      ...problems(
        ...BAD_PARAMETERS,
        ...STORAGE,
        'not_found',
        'incomplete_upload',
        'upload_incomplete',
        'upload_too_large',
        'not_presignable',
        ...ALWAYS,
      ),
    },
  });
}

function describeTus(registry: OpenAPIRegistry): void {
  const tus = z.object({ 'Tus-Resumable': z.string().describe('1.0.0') });
  registry.registerPath({
    method: 'head',
    path: '/v1/uploads/{id}',
    tags: ['uploads'],
    summary: 'By tus: how far the upload is (Upload-Offset)',
    request: { params: withId, headers: tus },
    responses: {
      200: nothing('Upload-Offset and Upload-Length'),
      ...refusals([400, 403], 'not_found', 'storage_unavailable', ...ALWAYS),
    },
  });
  registry.registerPath({
    method: 'patch',
    path: '/v1/uploads/{id}',
    tags: ['uploads'],
    summary: 'By tus: the bytes from Upload-Offset on',
    request: {
      params: withId,
      headers: tus.extend({ 'Upload-Offset': z.string().describe('where the upload ends so far') }),
      body: {
        required: true,
        content: { 'application/offset+octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
      },
    },
    responses: {
      204: nothing('Stored: Upload-Offset says how far it is now'),
      ...refusals([400, 403, 409, 413], 'not_found', ...STORAGE, ...ALWAYS),
    },
  });
}
