/** Names of other services' models, which clients hard-code: each stands for a model that is served here. */
import type { Catalogue } from '../protocol.ts';

/** The model that a client means: an alias' own one, the default one where none is named, else the name as it is. */
export function modelNamed({ models, aliases = {}, defaultModel }: Catalogue, name: string | undefined): string {
  if (name === undefined) return defaultModel;
  if (Object.hasOwn(models, name) || !Object.hasOwn(aliases, name)) return name;
  return aliases[name] ?? defaultModel;
}

/** Every name that a client may use. */
export const modelNames = ({ models, aliases = {} }: Catalogue): string[] => [
  ...new Set([...Object.keys(models), ...Object.keys(aliases)]),
];
