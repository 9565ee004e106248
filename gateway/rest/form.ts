/** Receives a form (multipart/form-data, RFC 7578) with one file, which is stored as it comes: fields may follow it. */
import { Busboy } from '@fastify/busboy';
import type { BusboyInstance } from '@fastify/busboy';
import type { Request } from 'express';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { shown } from '../protocol.ts';
import { discardUpload, refuseLargeBody, storeUpload } from './stored-upload.ts';
import type { Keeping, StoredUpload } from './stored-upload.ts';

/** Fields by name, each with its values in the order in which they came. */
export type FormFields = ReadonlyMap<string, readonly string[]>;

/** What a form may hold beside its part `file`, and what is made of it. */
export interface FormRules<T> {
  /** Of one value. */
  readonly maxFieldBytes: number;
  readonly maxFields: number;
  /** `store` if not given. */
  readonly keeping?: Keeping;
  /** Why a field is refused by its name alone, whatever its value; null: it is not. */
  refuse?(name: string): Error | null;
  /** Throws what is wrong with the fields; what was stored is let go of then. */
  read(fields: FormFields): T;
}

export interface ReceivedForm<T> extends StoredUpload {
  /** As the client named it. */
  readonly fileName: string;
  readonly fields: T;
}

/** By its type alone: a form without a byte is one that was cut off. */
export const isForm = ({ headers }: Pick<Request, 'headers'>): boolean =>
  /^multipart\/form-data\s*(;|$)/i.test(headers['content-type'] ?? '');

/** Throws what is wrong, and leaves nothing behind then. */
export async function receiveForm<T>(
  gateway: Gateway,
  request: Request,
  rules: FormRules<T>,
): Promise<ReceivedForm<T>> {
  refuseLargeBody(gateway, request);
  const form = openForm(request, rules);
  const fields = collectFields(form, rules);
  const files = collectFile(form, (body) => storeUpload(gateway, body, rules.keeping));
  const cut = await pipeline(request, form).then(() => null, cutOff);
  if (cut !== null) files.end(cut);
  const file = await files.stored(cut);
  try {
    const fault = cut ?? fields.faults[0] ?? files.faults[0];
    if (fault !== undefined) throw fault;
    return { ...file, fields: rules.read(fields.values) };
  } catch (error) {
    await discardUpload(gateway, file);
    throw error;
  }
}

const cutOff = (error: unknown): Failure =>
  new Failure('incomplete_upload', `the form ended early: ${error instanceof Error ? error.message : 'cut off'}`);

function openForm(request: Request, { maxFieldBytes, maxFields }: FormRules<unknown>): BusboyInstance {
  const limits = { fieldSize: maxFieldBytes, fields: maxFields, files: 2, parts: maxFields + 2 };
  try {
    return new Busboy({
      headers: { ...request.headers, 'content-type': request.headers['content-type'] ?? '' },
      limits,
    });
  } catch (error) {
    throw new Failure('invalid_upload', `not a form: ${error instanceof Error ? error.message : 'malformed'}`);
  }
}

function collectFields(form: BusboyInstance, rules: FormRules<unknown>) {
  const { maxFieldBytes, maxFields } = rules;
  const values = new Map<string, string[]>();
  const faults: Error[] = [];
  form.on('field', (name, value, nameCut, valueCut) => {
    const refusal = nameCut ? null : (rules.refuse?.(name) ?? null);
    if (refusal !== null) faults.push(refusal);
    if (nameCut || valueCut) {
      faults.push(new Failure('invalid_upload', `field ${shown(name)} has more than ${maxFieldBytes} bytes`));
    }
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  });
  form.on('fieldsLimit', () => faults.push(new Failure('invalid_upload', `a form has at most ${maxFields} fields`)));
  return { values, faults };
}

function collectFile(form: BusboyInstance, keep: (body: AsyncIterable<Buffer>) => Promise<StoredUpload>) {
  const faults: Failure[] = [];
  const streams: Readable[] = [];
  let stored: Promise<StoredUpload & { fileName: string }> | null = null;
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
