/** What is told of a session in the form of other services: the dialects write it, of what is stored. */
import { deepgramCallback, deepgramEnd, deepgramResult } from '../gateway/dialects/deepgram/callback.ts';
import type { CallbackRequest, LiveCallbackRequest } from '../gateway/dialects/deepgram/callback.ts';
import type { ObjectsPort, SessionsPort } from '../gateway/ports.ts';
import { readSegments, readTranscript } from '../gateway/transcripts.ts';
import type { TranscriptDocument } from '../workflows/contract.ts';
import type { DeliverResultsArgs, ForeignForm, WebhookEvent } from '../workflows/webhook/contract.ts';

export async function foreignBody(
  objects: ObjectsPort,
  form: ForeignForm,
  tenant: string,
  { data }: WebhookEvent,
): Promise<string> {
  const written = data.state === 'completed' ? await readTranscript(objects, { tenant, id: data.id }, 'json') : null;
  const document = written === null ? null : (JSON.parse(Buffer.from(written).toString('utf8')) as TranscriptDocument);
  return JSON.stringify(deepgramCallback(form.request as CallbackRequest, document, data.error));
}

/** Results that are read at a time. */
const AT_ONCE = 256;

/**
 * The next results of a live session, in order: finals, and once all of them are received, its end.
 * @throws when a final that is committed cannot be read at present
 */
export async function foreignResults(
  sessions: Pick<SessionsPort, 'segments'>,
  objects: ObjectsPort,
  { ref, target, told, count, end }: DeliverResultsArgs,
): Promise<string[]> {
  const request = target.form.request as LiveCallbackRequest;
  if (told >= count && end !== null) return [JSON.stringify(deepgramEnd(request, end))];
  const segments = await readSegments(sessions, objects, ref, told, Math.min(AT_ONCE, count - told));
  const next = segments.slice(0, count - told);
  if (next[0]?.index !== told) throw new Error(`final ${told} of ${count} cannot be read`);
  return next.map((segment) => JSON.stringify(deepgramResult(request, segment)));
}
