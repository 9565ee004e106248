/** Text frames of a Deepgram client. */
import { shown } from '../../protocol.ts';

export type ListenMessage =
  | { readonly type: 'KeepAlive' }
  | { readonly type: 'Finalize' }
  | { readonly type: 'CloseStream' }
  | { readonly type: 'Configure' }
  /** What it is not, and what there is. */
  | { readonly type: 'unknown'; readonly says: string };

const TYPES = ['KeepAlive', 'Finalize', 'CloseStream', 'Configure'] as const;
const ALLOWED =
  'text is one of {"type":"KeepAlive"}, {"type":"Finalize"}, {"type":"CloseStream"}; audio goes in binary frames';

/** A `Configure` may list terms; no message of the protocol is longer than this. */
const MAX_MESSAGE_BYTES = 65_536;

export function parseListenMessage(data: Buffer): ListenMessage {
  const type = TYPES.find((known) => known === typeOf(data));
  return type === undefined
    ? { type: 'unknown', says: `${shown(data.toString('utf8', 0, 80))}: ${ALLOWED}` }
    : { type };
}

function typeOf(data: Buffer): unknown {
  if (data.length > MAX_MESSAGE_BYTES) return null;
  try {
    const json: unknown = JSON.parse(data.toString('utf8'));
    return typeof json === 'object' && json !== null && 'type' in json ? json.type : null;
  } catch {
    return null;
  }
}
