/** A session from a file that is at an address: checked here, fetched by the session itself. */
import type { FileInput, ProbedAnswer } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import type { Choice } from '../protocol.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import { webhookFor } from '../webhooks/target.ts';
import { plainName } from './file-name.ts';
import type { UploadParameters } from './upload.ts';

export interface AtUrl extends UploadParameters {
  readonly url: string;
}

/** Starts the session of an address that {@link allowedUrl} let through; answers what is there, if that is known in time. */
export async function startFromUrl(
  gateway: Gateway,
  body: AtUrl,
  id: string,
  fingerprint: string | null,
): Promise<ProbedAnswer | null> {
  const { webhook, ...choice } = chooseModel(body, gateway.settings.catalogue);
  const input = {
    ...inputOf(gateway, new URL(body.url), choice, id),
    ...(await webhookFor(gateway, webhook)),
    ...(body.filename === undefined ? {} : { fileName: plainName(body.filename) }),
    ...(fingerprint === null ? {} : { fingerprint }),
  };
  return gateway.sessions.startFile(input, gateway.settings.prepareWaitMs);
}

/** Input of a session whose file is at an address; nobody is told of its end. @throws Failure `forbidden_address` */
export async function fileAt(
  gateway: Gateway,
  url: string,
  choice: Omit<Choice, 'webhook'>,
  id: string,
): Promise<FileInput> {
  return inputOf(gateway, await allowedUrl(gateway, url), choice, id);
}

function inputOf({ settings }: Gateway, source: URL, choice: Omit<Choice, 'webhook'>, id: string): FileInput {
  const { tenant, weightOf, bounds } = settings;
  return {
    kind: 'file',
    ref: { tenant, id },
    ...choice,
    weight: weightOf(tenant),
    bounds,
    uploadId: newUploadId(),
    uploadBytes: 0,
    fileName: plainName(fileNameOf(source)),
    sourceUrl: source.href,
  };
}

/** @throws Failure `forbidden_address` */
export async function allowedUrl(gateway: Gateway, url: string): Promise<URL> {
  const refusal = await gateway.outbound.refusal(url);
  if (refusal !== null) throw new Failure('forbidden_address', `url: the address ${refusal}`);
  return new URL(url);
}

/** The last part of the path, as it is meant. */
export function fileNameOf({ pathname }: URL): string {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
