/** Receives one audio file, as a raw body or as the `file` part of a form, and stores it without holding it in memory. */
import type { Request } from 'express';
import type { z } from 'zod';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { LISTS, parseParameters, queryWithLists, targetOf } from '../protocol.ts';
import { plainName } from './file-name.ts';
import { isForm, receiveForm } from './form.ts';
import type { FormFields } from './form.ts';
import { uploadParameters } from './schemas.ts';
import { refuseLargeBody, storeUpload } from './stored-upload.ts';
import type { Keeping, StoredUpload } from './stored-upload.ts';

export type UploadParameters = z.output<typeof uploadParameters>;

export interface Upload extends StoredUpload {
  /** As the client named it; shown, never used as a path. */
  readonly fileName: string;
  readonly parameters: UploadParameters;
}

const MAX_FIELD_BYTES = 1024;
const MAX_FIELDS = 32;

/** @param check throws when the parameters are wrong; for a raw body before a byte is stored. */
export async function receiveUpload(
  gateway: Gateway,
  request: Request,
  check: (parameters: UploadParameters) => void,
  keeping: Keeping = 'store',
): Promise<Upload> {
  const query = queryWithLists(targetOf(request.url).query);
  refuseLargeBody(gateway, request);
  const read = (given: object): UploadParameters => {
    const parameters = parseParameters(uploadParameters, given);
    check(parameters);
    return parameters;
  };
  if (!isForm(request)) {
    const parameters = read(query);
    const stored = await storeUpload(gateway, request, keeping);
    return { ...stored, fileName: plainName(parameters.filename ?? ''), parameters };
  }
  const { fields: parameters, ...file } = await receiveForm(gateway, request, {
    maxFieldBytes: MAX_FIELD_BYTES,
    maxFields: MAX_FIELDS,
    keeping,
    read: (fields) => read(once(fields, query)),
  });
  return { ...file, fileName: plainName(parameters.filename ?? file.fileName), parameters };
}

/** Fields and query together: what is given more than once is not for us to choose from. */
function once(fields: FormFields, query: Record<string, string | string[]>): Record<string, string | string[]> {
  // Without a prototype: a field named `__proto__` is a field like any other.
  const values = Object.assign(Object.create(null) as Record<string, string | string[]>, query);
  for (const [name, given] of fields) {
    const [value = '', ...more] = given;
    if (LISTS.includes(name)) {
      values[name] = [values[name] ?? [], ...given].flat();
      continue;
    }
    if (more.length > 0 || Object.hasOwn(values, name)) {
      throw new Failure('invalid_parameter', `${name}: given more than once`);
    }
    values[name] = value;
  }
  return values;
}
