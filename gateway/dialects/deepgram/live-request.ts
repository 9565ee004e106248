/** A live request: which session, which model, how the audio comes, what is to be told. */
import { randomUUID } from 'node:crypto';
import type { AudioFormat } from '../../../workflows/contract.ts';
import { NAME_PATTERN } from '../../../workflows/contract.ts';
import { Failure } from '../../failures.ts';
import { MAX_CHANNELS, SAMPLE_RATES, shown } from '../../protocol.ts';
import type { Catalogue, Choice } from '../../protocol.ts';
import { liveCallbackOf } from './callback.ts';
import type { CallbackAddress } from './callback.ts';
import { chooseFor } from './choice.ts';
import { RAW_ENCODINGS, readParameters } from './parameters.ts';
import type { Parameters, RawEncoding, Warning } from './parameters.ts';
import { extraOf } from './response.ts';

export interface ListenRequest {
  /** The session, and Deepgram's request id. */
  readonly id: string;
  readonly choice: Choice;
  /** Finals the client already has. */
  readonly index: number;
  readonly audio: LiveAudio;
  /** Where finals are sent besides; null: nowhere. */
  readonly callback: CallbackAddress | null;
  readonly telling: Telling;
  /** Given back with all that is told: `tags` and `extra`, as far as there are any. */
  readonly echo: object;
  readonly warnings: readonly Warning[];
}

/** Raw samples; or, where `raw` is null, a stream that says itself what it is. */
export interface LiveAudio {
  /** As the client names it; null: a container. */
  readonly encoding: string | null;
  readonly raw: { readonly encoding: RawEncoding; readonly sampleRate: number } | null;
  readonly channels: number;
  /** Each channel is a session of its own; otherwise they are mixed. */
  readonly multichannel: boolean;
}

export interface Telling {
  readonly interim: boolean;
  readonly punctuate: boolean;
  readonly speechStarted: boolean;
  /** Null: no `UtteranceEnd`. */
  readonly utteranceEndMs: number | null;
}

function echoOf(parameters: Parameters): object {
  const [tags, extra] = [parameters.all('tag'), extraOf(parameters)];
  return { ...(tags.length === 0 ? {} : { tags }), ...(Object.keys(extra).length === 0 ? {} : { extra }) };
}

/** Room for the channel's number in a session's name. */
const MAX_ID_LENGTH = 120;

/** @throws Failure that names the parameter and what is allowed */
export function readListenRequest(query: URLSearchParams, catalogue: Catalogue): ListenRequest {
  const parameters = readParameters(query, 'live');
  const { choice, warnings } = chooseFor(parameters, catalogue);
  return {
    id: sessionOf(parameters),
    choice,
    index: parameters.number('index') ?? 0,
    audio: audioOf(parameters),
    callback: liveCallbackOf(parameters),
    telling: {
      interim: parameters.isOn('interim_results'),
      punctuate: parameters.isOn('punctuate') || parameters.isOn('smart_format'),
      speechStarted: parameters.isOn('vad_events'),
      utteranceEndMs: parameters.number('utterance_end_ms'),
    },
    echo: echoOf(parameters),
    warnings: [...parameters.warnings, ...warnings],
  };
}

/** The session that is asked for by name, or a new one. */
export function sessionOf(parameters: Parameters): string {
  const session = parameters.text('session');
  if (session === null) return randomUUID();
  if (NAME_PATTERN.test(session) && session.length <= MAX_ID_LENGTH) return session;
  const allowed = `letters, digits, ".", "_", "-", at most ${MAX_ID_LENGTH}, first a letter or digit`;
  throw new Failure('invalid_parameter', `session: ${shown(session)} is not ${allowed}`);
}

function audioOf(parameters: Parameters): LiveAudio {
  const channels = parameters.number('channels') ?? 1;
  if (channels < 1 || channels > MAX_CHANNELS) {
    throw new Failure('invalid_parameter', `channels: ${channels} is not 1 to ${MAX_CHANNELS}`);
  }
  const multichannel = parameters.isOn('multichannel') && channels > 1;
  const raw = rawOf(parameters);
  if (raw === null && parameters.isOn('multichannel')) {
    throw new Failure('invalid_parameter', `multichannel: only of raw samples: encoding ${RAW_ENCODINGS.join(', ')}`);
  }
  return { encoding: parameters.text('encoding'), raw, channels, multichannel };
}

const isRaw = (encoding: string | null): encoding is RawEncoding => RAW_ENCODINGS.some((raw) => raw === encoding);

/** Telephone audio is 8 kHz unless it says so. */
const TELEPHONE_RATE = 8000;

export function rawOf(parameters: Parameters): { encoding: RawEncoding; sampleRate: number } | null {
  const encoding = parameters.text('encoding');
  if (!isRaw(encoding)) return null;
  const isTelephone = encoding === 'mulaw' || encoding === 'alaw';
  const sampleRate = parameters.number('sample_rate') ?? (isTelephone ? TELEPHONE_RATE : null);
  if (sampleRate === null) {
    throw new Failure('invalid_parameter', `sample_rate: needed with encoding ${encoding}`);
  }
  if (!SAMPLE_RATES.some((known) => known === sampleRate)) {
    throw new Failure('invalid_parameter', `sample_rate: ${sampleRate} is not one of ${SAMPLE_RATES.join(', ')}`);
  }
  return { encoding, sampleRate };
}

/** How a session takes this audio in: linear32 is made linear16 on the way, a container is decoded. */
export function formatOf({ raw, channels, multichannel }: LiveAudio): AudioFormat {
  if (raw === null) return { encoding: 's16le', sampleRate: 16_000, channels: 1 };
  const { encoding, sampleRate } = raw;
  const plain = encoding === 'mulaw' || encoding === 'alaw' ? encoding : 's16le';
  return { encoding: plain, sampleRate, channels: multichannel ? 1 : channels };
}
