/** Requests by tus 1.0 (https://tus.io/protocols/resumable-upload), answered by its own server over our store. */
import { Server } from '@tus/server';
import type { Request as ExpressRequest, Response as ExpressResponse } from 'express';
import { Readable } from 'node:stream';
import { asFailure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { TusStore } from '../uploads/tus-store.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import type { Uploads } from '../uploads/uploads.ts';
import { problemOf } from './problem.ts';

const VERSION = '1.0.0';
const PROBLEM = 'application/problem+json';

type TusHandler = (request: ExpressRequest, response: ExpressResponse) => Promise<void>;

/** @param path where uploads are created */
export function tusHandler(gateway: Gateway, uploads: Uploads, path: string): TusHandler {
  const server = tusServer(gateway, uploads, path);
  return async (request, response) => {
    if ((request.headers['tus-resumable'] ?? VERSION) !== VERSION) {
      // To be told by 412 and the versions that are known (3.2).
      response.status(412).setHeader('Tus-Version', VERSION).end();
      return;
    }
    await send(await server.handleWeb(webRequest(request)), response);
  };
}

/** Refusals of the protocol itself (403, 409, 413, …) are in its own words; ours are ours. */
function tusServer(gateway: Gateway, uploads: Uploads, path: string): Server {
  const { tenant, maxUploadBytes, uploadTtlMs, origins } = gateway.settings;
  return new Server({
    path,
    relativeLocation: true,
    datastore: new TusStore(gateway.objects, uploads, tenant, uploadTtlMs),
    maxSize: maxUploadBytes,
    allowedOrigins: (origin) => origins.allowedOrigins.includes(origin),
    namingFunction: () => newUploadId(),
    onResponseError: (_request, error) => {
      if (!(error instanceof Error) || 'status_code' in error) return undefined;
      const failure = asFailure(error);
      if (failure.type === 'internal') gateway.log.error({ err: error }, 'an upload failed');
      return { status_code: failure.row.httpStatus, body: JSON.stringify(problemOf(failure, path)) };
    },
  });
}

type WebRequest = Parameters<Server['handleWeb']>[0];

/** The request as the tus server takes it; it is told when the connection breaks. */
function webRequest(request: ExpressRequest): WebRequest {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const hasBody = request.method === 'POST' || request.method === 'PATCH';
  const body = hasBody ? { body: Readable.toWeb(request) as ReadableStream, duplex: 'half' } : {};
  const url = new URL(request.originalUrl, 'http://gateway');
  return new Request(url, { method: request.method, headers, ...body } as RequestInit);
}

/** Answers of tus have no body, or a line that says what was wrong. */
async function send(answer: globalThis.Response, response: ExpressResponse): Promise<void> {
  const text = await answer.text();
  response.status(answer.status);
  for (const [name, value] of answer.headers) if (name !== 'content-type') response.setHeader(name, value);
  if (text === '') response.end();
  else response.type(text.startsWith('{') ? PROBLEM : 'text/plain').send(text);
}
