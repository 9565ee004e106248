/** The dialects that this gateway speaks at its own port. */
import type { Gateway } from '../ports.ts';
import { deepgramDialect } from './deepgram/live.ts';
import type { Dialect } from './dialect.ts';
import { nativeDialect } from './native.ts';

export const dialectsOf = (gateway: Gateway): readonly Dialect[] => [
  nativeDialect(gateway.settings.catalogue),
  deepgramDialect(gateway),
];
