/** What is said of live audio, to the client itself and to a callback. Pure. */
import type { Warning } from './parameters.ts';
import { modelInfo, modelUuid, seconds } from './words.ts';
import type { Alternative } from './words.ts';

/** What each message repeats; plain JSON. */
export interface About {
  readonly requestId: string;
  readonly model: string;
  readonly place: readonly [index: number, count: number];
  /** Given back with all that is told: `tags` and `extra`, as far as there are any. */
  readonly echo: object;
  readonly warnings: readonly Warning[];
}

export interface Result {
  readonly startMs: number;
  readonly endMs: number;
  readonly alternative: Alternative;
  readonly isFinal: boolean;
  readonly fromFinalize?: boolean;
}

const warned = (warnings: readonly Warning[]) => (warnings.length === 0 ? {} : { warnings });

export const resultsMessage = (
  { requestId, model, place, echo, warnings }: About,
  { startMs, endMs, alternative, isFinal, fromFinalize = false }: Result,
) => ({
  type: 'Results',
  channel_index: place,
  duration: seconds(endMs - startMs),
  start: seconds(startMs),
  is_final: isFinal,
  // Longhand's finals end where an utterance does.
  speech_final: isFinal,
  ...(isFinal ? { from_finalize: fromFinalize } : {}),
  channel: { alternatives: [alternative] },
  metadata: {
    request_id: requestId,
    model_info: modelInfo(model),
    model_uuid: modelUuid(model),
    ...echo,
    ...warned(warnings),
  },
});

/** What is known of a stream when it is over. */
export interface StreamFacts {
  /** Of the audio as it was sent, in hex; null where no one connection has heard all of it. */
  readonly sha256: string | null;
  /** ISO 8601. */
  readonly created: string;
  readonly audioMs: number;
  readonly channels: number;
}

export const metadataMessage = (
  { requestId, echo, warnings }: Pick<About, 'requestId' | 'echo' | 'warnings'>,
  { sha256, created, audioMs, channels }: StreamFacts,
) => ({
  type: 'Metadata',
  transaction_key: 'deprecated',
  request_id: requestId,
  sha256,
  created,
  duration: seconds(audioMs),
  channels,
  ...echo,
  ...warned(warnings),
});
