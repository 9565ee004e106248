/** A client's audio on its way into its session, decoded where it must be. */
import type { AudioFormat } from '../../../workflows/contract.ts';
import { ContainerAudio, DECODED } from '../../audio/container.ts';
import type { ContainerSink, LiveDecodersPort } from '../../audio/container.ts';
import type { AudioSource } from './caps.ts';

export type AudioIn = Pick<ContainerAudio, 'accept' | 'end' | 'hold' | 'close'>;

/** What the session is opened with. */
export const sessionFormat = (source: AudioSource): AudioFormat => (source.kind === 'samples' ? source.audio : DECODED);

export function openAudio(source: AudioSource, decoders: LiveDecodersPort, sink: ContainerSink): AudioIn {
  if (source.kind === 'stream') return new ContainerAudio({ ...source, decoders }, sink);
  return {
    accept: (bytes) => sink.audio(bytes),
    end: () => sink.ended(),
    hold: () => undefined,
    close: () => undefined,
  };
}
