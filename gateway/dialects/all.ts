/** The dialects that this gateway speaks at its own port. */
import type { Gateway } from '../ports.ts';
import { deepgramDialect } from './deepgram/live.ts';
import type { Dialect } from './dialect.ts';
import { speechDialect } from './kaldi/speech.ts';
import { statusDialect } from './kaldi/status.ts';
import { nativeDialect } from './native.ts';
import { realtimeDialect } from './openai/realtime/dialect.ts';

export const dialectsOf = (gateway: Gateway): readonly Dialect[] => [
  nativeDialect(gateway.settings.catalogue),
  speechDialect(gateway),
  statusDialect(gateway),
  deepgramDialect(gateway),
  realtimeDialect(gateway.settings.catalogue),
];
