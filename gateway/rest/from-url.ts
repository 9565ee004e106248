/** A session from a file that is at an address: checked here, fetched by the session itself. */
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { chooseModel } from '../protocol.ts';
import { newUploadId } from '../uploads/upload-id.ts';
import { webhookFor } from '../webhooks/target.ts';
import { plainName } from './file-name.ts';
import type { UploadParameters } from './upload.ts';

export interface AtUrl extends UploadParameters {
  readonly url: string;
}

/** Starts the session; what is at the address is known later. @throws Failure `forbidden_address` */
export async function startFromUrl(
  gateway: Gateway,
  body: AtUrl,
  id: string,
  fingerprint: string | null,
): Promise<void> {
  const { tenant, weightOf, bounds, catalogue } = gateway.settings;
  const { webhook, ...choice } = chooseModel(body, catalogue);
  const source = await allowedUrl(gateway, body.url);
  await gateway.sessions.startFile({
    kind: 'file',
    ref: { tenant, id },
    ...choice,
    weight: weightOf(tenant),
    bounds,
    ...(await webhookFor(gateway, webhook)),
    uploadId: newUploadId(),
    uploadBytes: 0,
    fileName: plainName(body.filename ?? fileNameOf(source)),
    sourceUrl: source.href,
    ...(fingerprint === null ? {} : { fingerprint }),
  });
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
