/** Messages about a session's end in the form of other services: the dialects write them, of what is in storage. */
import { deepgramCallback } from '../gateway/dialects/deepgram/callback.ts';
import type { CallbackRequest } from '../gateway/dialects/deepgram/callback.ts';
import { objectKeys } from '../workflows/contract.ts';
import type { TranscriptDocument } from '../workflows/contract.ts';
import type { ForeignForm, WebhookEvent } from '../workflows/webhook/contract.ts';

interface Objects {
  get(key: string): Promise<Uint8Array | null>;
}

export async function foreignBody(
  objects: Objects,
  form: ForeignForm,
  tenant: string,
  { data }: WebhookEvent,
): Promise<string> {
  const key = objectKeys.transcript({ tenant, id: data.id }, null, 'json');
  const written = data.state === 'completed' ? await objects.get(key) : null;
  const document = written === null ? null : (JSON.parse(Buffer.from(written).toString('utf8')) as TranscriptDocument);
  return JSON.stringify(deepgramCallback(form.request as CallbackRequest, document, data.error));
}
