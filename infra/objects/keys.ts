/** Raised for a key or prefix that is not plain; see infra/objects/port.ts. */
export class KeyError extends Error {
  override name = 'KeyError';
}

const SEGMENT = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/;
const LAST_OF_PREFIX = /^([A-Za-z0-9_-][A-Za-z0-9._-]{0,254})?$/;
const MAX_KEY = 1024;

const ALLOWED =
  'segments of letters, digits, ".", "_" and "-" (no leading dot, at most 255 characters) joined by single slashes';

/** Answers the key; a key that could leave its folder, or that some server would read otherwise, is refused. */
export function plainKey(key: string): string {
  const plain = key.length <= MAX_KEY && key.split('/').every((segment) => SEGMENT.test(segment));
  if (!plain) throw new KeyError(`object key ${JSON.stringify(key.slice(0, 80))} is not plain: allowed are ${ALLOWED}`);
  return key;
}

/** Answers the prefix: the beginning of a key, cut anywhere; the empty prefix is that of all keys. */
export function plainPrefix(prefix: string): string {
  const segments = prefix.split('/');
  const last = segments.pop() ?? '';
  const plain =
    prefix.length <= MAX_KEY && segments.every((segment) => SEGMENT.test(segment)) && LAST_OF_PREFIX.test(last);
  if (!plain) throw new KeyError(`prefix ${JSON.stringify(prefix.slice(0, 80))} is not the beginning of a plain key`);
  return prefix;
}

/** Answers the prefix of a whole folder: it ends with a slash, so that nothing beside it is meant by accident. */
export function folderPrefix(prefix: string): string {
  if (!prefix.endsWith('/')) throw new KeyError(`prefix ${JSON.stringify(prefix.slice(0, 80))} must end with a slash`);
  return plainPrefix(prefix);
}
