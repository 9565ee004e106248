const UNNAMED = 'audio';
const MAX_NAME_LENGTH = 255;

/** A file name as it may be shown: no path, no control or direction characters, not endless. */
export function plainName(name: string): string {
  const [last = ''] = name.split(/[/\\]/).slice(-1);
  const plain = last.replaceAll(/[\p{Cc}\p{Cf}]/gu, '').slice(0, MAX_NAME_LENGTH);
  return plain.toWellFormed().trim() || UNNAMED;
}
