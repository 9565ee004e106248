/** Whose audio it is, and what it is of: the old server's ids are labels of the session, by which it is found. */
import { labelSchema } from '../../labels.ts';

/** Parameters of /client/ws/speech; /client/dynamic/recognize takes them as headers too, and `device-id` besides. */
export const ID_NAMES = ['user-id', 'content-id'] as const;
export const ID_HEADERS = ['device-id', ...ID_NAMES] as const;

export interface Identified {
  readonly label: readonly string[];
  /** Names of those that no label can hold. */
  readonly ignored: readonly string[];
}

/** @param given by name; empty is not given, as with the old server */
export function identified(given: Readonly<Record<string, string | undefined>>): Identified {
  const pairs = Object.entries(given).filter(([, value]) => value !== undefined && value !== '');
  const labels = pairs.map(([name, value]) => [name, `${name}:${value ?? ''}`] as const);
  const fits = (label: string): boolean => labelSchema.safeParse(label).success;
  return {
    label: labels.flatMap(([, label]) => (fits(label) ? [label] : [])),
    ignored: labels.flatMap(([name, label]) => (fits(label) ? [] : [name])),
  };
}

/** A header's bytes as the text that they are meant to be: UTF-8, else as they are. */
export function headerText(value: string | string[] | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
