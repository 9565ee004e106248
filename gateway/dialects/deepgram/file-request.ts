/** A pre-recorded request: which session, which model, what the audio is, what the answer is to hold. */
import type { ChannelMode } from '../../../workflows/contract.ts';
import { Failure } from '../../failures.ts';
import { MAX_CHANNELS } from '../../protocol.ts';
import type { Catalogue, Choice } from '../../protocol.ts';
import { callbackOf } from './callback.ts';
import type { CallbackAddress } from './callback.ts';
import { chooseFor } from './choice.ts';
import type { RawSamples } from './file-body.ts';
import { rawOf, sessionOf } from './live-request.ts';
import { readParameters } from './parameters.ts';
import type { Parameters } from './parameters.ts';
import { listenOptions } from './response.ts';
import type { ListenOptions } from './response.ts';

export interface FileRequest {
  /** The session, and Deepgram's request id. */
  readonly id: string;
  /** The client has named it, and may ask for it later. */
  readonly isNamed: boolean;
  readonly choice: Choice;
  readonly channels: ChannelMode;
  readonly raw: RawSamples | null;
  /** Null: the client waits for the answer. */
  readonly callback: CallbackAddress | null;
  readonly options: ListenOptions;
}

/** @throws Failure that names the parameter and what is allowed */
export function readFileRequest(query: URLSearchParams, catalogue: Catalogue): FileRequest {
  const parameters = readParameters(query, 'file');
  const { choice, warnings } = chooseFor(parameters, catalogue);
  return {
    id: sessionOf(parameters),
    isNamed: parameters.text('session') !== null,
    choice,
    channels: parameters.isOn('multichannel') ? 'separate' : 'mixed',
    raw: samplesOf(parameters),
    callback: callbackOf(parameters),
    options: listenOptions(parameters, [...parameters.warnings, ...warnings]),
  };
}

/** Without a sample rate `encoding` is a hint at what the file itself says. */
function samplesOf(parameters: Parameters): RawSamples | null {
  if (parameters.text('encoding')?.startsWith('linear') === true && parameters.text('sample_rate') === null)
    return null;
  const raw = rawOf(parameters);
  const channels = parameters.number('channels') ?? 1;
  if (channels < 1 || channels > MAX_CHANNELS) {
    throw new Failure('invalid_parameter', `channels: ${channels} is not 1 to ${MAX_CHANNELS}`);
  }
  return raw === null ? null : { ...raw, channels };
}
