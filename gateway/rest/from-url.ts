/** A session from a file that is at an address: checked here, fetched by the session itself. */
import type { Request } from 'express';
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { FileInput, SessionRef } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { MAX_URL_LENGTH, chooseModel } from '../protocol.ts';
import type { Choice } from '../protocol.ts';
import { webhookFor } from '../webhooks/target.ts';
import { readJson } from './json-body.ts';
import { uploadParameters } from './schemas.ts';
import { queryOf } from './session-ref.ts';
import { plainName } from './upload.ts';

const MAX_JSON_BYTES = 16 << 10;

export const fromUrlBody = z.strictObject({
  url: z.string().max(MAX_URL_LENGTH).describe('where the file is: http or https, at a public address'),
  ...uploadParameters.shape,
});

/** Starts the session; what is at the address is known later. */
export async function startFromUrl(gateway: Gateway, request: Request): Promise<SessionRef> {
  const [inQuery] = Object.keys(queryOf(request));
  if (inQuery !== undefined) {
    throw new Failure('invalid_parameter', `${inQuery}: beside a JSON body everything stands in the body`);
  }
  const { value } = await readJson(request, fromUrlBody, MAX_JSON_BYTES);
  const input = await inputOf(gateway, value);
  await gateway.sessions.startFile(input);
  return input.ref;
}

async function inputOf(gateway: Gateway, body: z.output<typeof fromUrlBody>): Promise<FileInput> {
  const { url, session, filename } = body;
  const { webhook, ...choice } = chooseModel(body, gateway.settings.catalogue);
  const id = session ?? randomUUID();
  const input = await fileAt(gateway, url, choice, id);
  const told = await webhookFor(gateway, webhook);
  return { ...input, ...told, ...(filename === undefined ? {} : { fileName: plainName(filename) }) };
}

/** Input of a session whose file is at an address. @throws Failure for one that is none to speak to */
export async function fileAt(
  gateway: Gateway,
  url: string,
  choice: Omit<Choice, 'webhook'>,
  id: string,
): Promise<FileInput> {
  const { tenant, weightOf, bounds } = gateway.settings;
  const refusal = await gateway.outbound.refusal(url);
  if (refusal !== null) throw new Failure('forbidden_address', `url: the address ${refusal}`);
  const source = new URL(url);
  return {
    kind: 'file',
    ref: { tenant, id },
    ...choice,
    weight: weightOf(tenant),
    bounds,
    uploadId: randomUUID(),
    uploadBytes: 0,
    fileName: plainName(fileNameOf(source)),
    sourceUrl: source.href,
  };
}

/** The last part of the path, as it is meant. */
function fileNameOf({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
