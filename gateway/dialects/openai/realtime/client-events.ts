/** What a Realtime client may say: https://platform.openai.com/docs/api-reference/realtime-client-events, for transcription. */
import { z } from 'zod';
import { shown } from '../../../protocol.ts';
import { OpenAiRefusal } from '../refusal.ts';

const named = { event_id: z.string().max(512).optional() };
const settings = z.record(z.string(), z.unknown(), 'an object');

const clientEvent = z.discriminatedUnion('type', [
  z.strictObject({ ...named, type: z.literal('session.update'), session: settings }),
  /** The beta's name of it. */
  z.strictObject({ ...named, type: z.literal('transcription_session.update'), session: settings }),
  z.strictObject({ ...named, type: z.literal('input_audio_buffer.append'), audio: z.string('base64 of the audio') }),
  z.strictObject({ ...named, type: z.literal('input_audio_buffer.commit') }),
  z.strictObject({ ...named, type: z.literal('input_audio_buffer.clear') }),
  z.strictObject({ ...named, type: z.literal('session.close') }),
]);
export type ClientEvent = z.infer<typeof clientEvent>;

const TYPES = clientEvent.options.map((option) => option.shape.type.value);

export interface Heard {
  /** As the client named it; errors say it back. */
  readonly eventId: string | null;
  /** What it is, or what is wrong with it. */
  readonly event: ClientEvent | OpenAiRefusal;
}

export function readClientEvent(data: Buffer, isBinary: boolean): Heard {
  if (isBinary)
    return wrong('A frame is text: JSON of an event; audio goes as base64 in input_audio_buffer.append', null);
  const json = parsed(data);
  if (json === null) return wrong('The message is not JSON of one event', null);
  const eventId = typeof json['event_id'] === 'string' ? json['event_id'].slice(0, 512) : null;
  const result = clientEvent.safeParse(json);
  if (result.success) return { eventId, event: result.data };
  if (!TYPES.some((type) => type === json['type'])) {
    const given = typeof json['type'] === 'string' ? shown(json['type']) : 'no type';
    return wrong(`${given} is not supported in a transcription session: one of ${TYPES.join(', ')}`, 'type', eventId);
  }
  const [issue] = result.error.issues;
  const isUnknown = issue?.code === 'unrecognized_keys';
  const param = isUnknown ? (issue.keys[0] ?? '') : (issue?.path.join('.') ?? '');
  return wrong(
    isUnknown ? `Unknown parameter: ${shown(param)}` : `${param}: ${issue?.message ?? 'not valid'}`,
    param,
    eventId,
  );
}

const wrong = (message: string, param: string | null, eventId: string | null = null): Heard => ({
  eventId,
  event: new OpenAiRefusal(message, param, param === null ? 'invalid_event' : 'invalid_value'),
});

function parsed(data: Buffer): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(data.toString('utf8'));
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws {OpenAiRefusal} for what is no base64 */
export function audioOf(base64: string): Buffer {
  if (base64.length % 4 !== 1 && BASE64.test(base64)) return Buffer.from(base64, 'base64');
  throw new OpenAiRefusal('Invalid audio: it is not base64 of audio bytes', 'audio');
}
