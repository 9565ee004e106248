/**
 * The header Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent again, because its
 * answer was lost, does not do its work again. The id of what it makes follows from the key, so that Temporal itself, which
 * runs one workflow of an id, is the memory; what the request held is kept beside it as a fingerprint.
 */
import type { Request } from 'express';
import { createHash } from 'node:crypto';
import { Failure } from '../failures.ts';

/** A String of RFC 8941 (3.3.3), in quotes, as the draft has it; or, as most clients send it, without. */
const QUOTED = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;
const BARE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
const MAX_KEY_LENGTH = 255;

const ALLOWED = `Idempotency-Key: 1 to ${MAX_KEY_LENGTH} printable ASCII characters, with or without double quotes around them`;

/** The request's key, or null. @throws Failure for a header that is none */
export function idempotencyKey(request: Pick<Request, 'headers'>): string | null {
  const header = request.headers['idempotency-key'];
  if (header === undefined) return null;
  const text = String(header).trim();
  const key = QUOTED.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1') ?? (BARE.test(text) ? text : '');
  if (key.length < 1 || key.length > MAX_KEY_LENGTH) throw new Failure('invalid_parameter', ALLOWED);
  return key;
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** The id that follows from a key, within a tenant: a UUID of version 8 (RFC 9562, 5.8) out of its hash. */
export function idOfKey(kind: 'session' | 'batch', key: string): string {
  const bytes = sha256(`longhand ${kind}\n${key}`).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** What a request held: its parameters in any order, and the hash of its body. */
export function fingerprintOf(parameters: Readonly<Record<string, unknown>>, body: string): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const sorted = given.sort(([a], [b]) => (a < b ? -1 : 1));
  return sha256(JSON.stringify([sorted, body])).toString('base64url');
}

export const mismatch = (what: string): Failure =>
  new Failure(
    'idempotency_mismatch',
    `this Idempotency-Key has started a ${what} with another body or other parameters: a new request takes a new key`,
  );
