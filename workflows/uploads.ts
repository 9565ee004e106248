/** Uploads below `uploads/<tenant>/<id>/`: how old one is, and which of its parts make it. Pure. */

/** A UUID of version 7: its first 48 bits are the time at which it was made, in milliseconds (RFC 9562, 5.7). */
const UPLOAD_ID = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const isUploadId = (id: string): boolean => UPLOAD_ID.test(id);

/** When the upload was begun; null for an id of another kind, whose age nobody knows. */
export function uploadBegunMs(id: string): number | null {
  const [, high, low] = UPLOAD_ID.exec(id) ?? [];
  return high === undefined || low === undefined ? null : parseInt(high + low, 16);
}

export interface UploadPart {
  readonly key: string;
  readonly bytes: number;
}

/**
 * The parts that follow each other without a gap from byte 0 on, in order; their keys end in their first byte. A part
 * is created once, at the end of those before it, so that parts never overlap.
 */
export async function wholeParts(listed: AsyncIterable<UploadPart>): Promise<{ parts: UploadPart[]; bytes: number }> {
  const parts: UploadPart[] = [];
  let bytes = 0;
  for await (const part of listed) {
    if (Number(part.key.slice(part.key.lastIndexOf('/') + 1)) !== bytes) break;
    parts.push(part);
    bytes += part.bytes;
  }
  return { parts, bytes };
}
