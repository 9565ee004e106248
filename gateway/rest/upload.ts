/** Receives one audio file, as a raw body or as the `file` part of a form, and stores it without holding it in memory. */
import { Busboy } from '@fastify/busboy';
import type { BusboyInstance } from '@fastify/busboy';
import type { Request } from 'express';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { objectKeys } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { parseParameters, queryObject, targetOf } from '../protocol.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import { plainName } from './file-name.ts';
import { uploadParameters } from './schemas.ts';

export type UploadParameters = z.output<typeof uploadParameters>;

export interface Upload {
  readonly uploadId: string;
  readonly bytes: number;
  /** As the client named it; shown, never used as a path. */
  readonly fileName: string;
  readonly parameters: UploadParameters;
  /** SHA-256 of the file, base64url; null where it was not asked for. */
  readonly digest: string | null;
}

interface Stored {
  readonly uploadId: string;
  readonly bytes: number;
  readonly digest: string | null;
}

/** What is done with a file that comes: it is stored, or stored and hashed, or (it is there already) hashed only. */
export type Keeping = 'store' | 'hash' | 'compare';

interface Receiving {
  readonly gateway: Gateway;
  readonly request: Request;
  readonly query: Record<string, string>;
  /** Throws when the parameters are wrong. */
  readonly check: (parameters: UploadParameters) => void;
  readonly keeping: Keeping;
}

const MAX_FIELD_BYTES = 1024;
const MAX_FIELDS = 16;
/** What a form may hold beside its file. */
const FORM_BYTES = 64 << 10;

/** @param check throws when the parameters are wrong; for a raw body before a byte is stored. */
export function receiveUpload(
  gateway: Gateway,
  request: Request,
  check: (parameters: UploadParameters) => void,
  keeping: Keeping = 'store',
): Promise<Upload> {
  refuseLargeBody(gateway, request);
  const receiving = { gateway, request, query: queryObject(targetOf(request.url).query), check, keeping };
  const isForm = request.is('multipart/form-data') === 'multipart/form-data';
  return isForm ? receiveForm(receiving) : receiveBody(receiving);
}

/** A body that says it is too large is not even read. */
function refuseLargeBody({ settings: { maxUploadBytes } }: Gateway, request: Request): void {
  if (Number(request.headers['content-length'] ?? 0) <= maxUploadBytes + FORM_BYTES) return;
  throw new Failure('upload_too_large', `more than ${maxUploadBytes} bytes`);
}

export async function discardUpload(gateway: Gateway, { uploadId }: Pick<Stored, 'uploadId'>): Promise<void> {
  await gateway.objects.deleteAll(objectKeys.uploads(gateway.settings.tenant, uploadId));
}

async function receiveBody({ gateway, request, query, check, keeping }: Receiving): Promise<Upload> {
  const parameters = parseParameters(uploadParameters, query);
  check(parameters);
  return { ...(await store(gateway, request, keeping)), fileName: plainName(parameters.filename ?? ''), parameters };
}

/** Fields may follow the file: it is stored first, and let go of again when a field is wrong or the form is cut off. */
async function receiveForm({ gateway, request, query, check, keeping }: Receiving): Promise<Upload> {
  const form = openForm(request);
  const fields = collectFields(form, query);
  const files = collectFile(form, (body) => store(gateway, body, keeping));
  const cut = await pipeline(request, form).then(() => null, cutOff);
  if (cut !== null) files.end(cut);
  const file = await files.stored(cut);
  try {
    const fault = cut ?? fields.faults[0] ?? files.faults[0];
    if (fault !== undefined) throw fault;
    const parameters = parseParameters(uploadParameters, fields.values);
    check(parameters);
    return { ...file, fileName: plainName(parameters.filename ?? file.fileName), parameters };
  } catch (error) {
    await discardUpload(gateway, file);
    throw error;
  }
}

const cutOff = (error: unknown): Failure =>
  new Failure('incomplete_upload', `the form ended early: ${error instanceof Error ? error.message : 'cut off'}`);

function openForm(request: Request): BusboyInstance {
  const limits = {
    fieldSize: MAX_FIELD_BYTES,
    fields: MAX_FIELDS,
    files: 2,
    parts: MAX_FIELDS + 2,
  };
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': request.headers['content-type'] ?? '' },
      limits,
    });
  } catch (error) {
    throw new Failure('invalid_upload', `not a form: ${error instanceof Error ? error.message : 'malformed'}`);
  }
}

function collectFields(form: BusboyInstance, query: Record<string, string>) {
  // Without a prototype: a field named `__proto__` is a field like any other.
  const values = Object.assign(Object.create(null) as Record<string, string>, query);
  const faults: Failure[] = [];
  form.on('field', (name, value, nameCut, valueCut) => {
    if (nameCut || valueCut)
      faults.push(new Failure('invalid_upload', `a field has more than ${MAX_FIELD_BYTES} bytes`));
    else if (Object.hasOwn(values, name))
      faults.push(new Failure('invalid_parameter', `${name}: given more than once`));
    else values[name] = value;
  });
  form.on('fieldsLimit', () => faults.push(new Failure('invalid_upload', `a form has at most ${MAX_FIELDS} fields`)));
  return { values, faults };
}

function collectFile(form: BusboyInstance, keep: (body: AsyncIterable<Buffer>) => Promise<Stored>) {
  const faults: Failure[] = [];
  const streams: Readable[] = [];
  let stored: Promise<Stored & { fileName: string }> | null = null;
  form.on('file', (name, stream: Readable, fileName) => {
    // A form that is cut off tells the part only so, perhaps before anyone reads it: unheard, it would end the process.
    stream.on('error', (error) => stream.destroy(error));
    streams.push(stream);
    if (name !== 'file' || stored !== null) {
      faults.push(new Failure('invalid_upload', 'a form holds one part named `file`, and no other file'));
      stream.resume();
      return;
    }
    // Left off in the middle, the part must be read on, or the rest of the form never comes.
    const body = stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    stored = keep(body).then((at) => ({ ...at, fileName }));
    stored.catch(() => stream.resume());
  });
  const none = () => new Failure('invalid_upload', 'the form has no part `file`');
  return {
    faults,
    /** No more comes. */
    end: (why: Failure) => streams.forEach((stream) => stream.destroy(why)),
    stored: (cut: Failure | null) => stored ?? Promise.reject(cut ?? faults[0] ?? none()),
  };
}

/** Stores a body under an id of our own; one that is empty, too large or cut off leaves nothing behind. */
async function store(gateway: Gateway, body: AsyncIterable<Buffer>, keeping: Keeping): Promise<Stored> {
  const uploadId = newUploadId();
  const hash = keeping === 'store' ? null : createHash('sha256');
  const checked = limited(body, gateway.settings.maxUploadBytes, (chunk) => hash?.update(chunk));
  const bytes = await (keeping === 'compare' ? counted(checked) : putUpload(gateway, uploadId, checked));
  const stored = { uploadId, bytes, digest: hash?.digest('base64url') ?? null };
  if (bytes > 0) return stored;
  await discardUpload(gateway, stored);
  throw new Failure('empty_audio', 'the file is empty');
}

const putUpload = (gateway: Gateway, uploadId: string, body: AsyncIterable<Buffer>): Promise<number> =>
  gateway.objects.putStream(objectKeys.upload(gateway.settings.tenant, uploadId), body);

async function counted(body: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  for await (const chunk of body) bytes += chunk.length;
  return bytes;
}

async function* limited(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
  seen: (chunk: Buffer) => void,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw new Failure('upload_too_large', `more than ${maxBytes} bytes`);
      seen(chunk);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure('incomplete_upload', 'the body ended early');
  }
}
