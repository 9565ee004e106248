/** Audio of a Deepgram client that is no raw samples: decoded as it comes. */
import { ContainerAudio } from '../../audio/container.ts';
import type { LiveDecodersPort, StreamFormat } from '../../audio/container.ts';
import type { Line } from '../dialect.ts';
import type { AudioPath } from './audio-path.ts';

/** Codecs that come without a container, and do not say what they are. */
const BARE: Readonly<Record<string, StreamFormat>> = {
  'amr-nb': { codec: 'amrnb', sampleRate: 8000, channels: 1 },
  'amr-wb': { codec: 'amrwb', sampleRate: 16_000, channels: 1 },
  g729: { codec: 'g729', sampleRate: 8000, channels: 1 },
};
/** How AMR begins where it does say so: RFC 4867, 5. */
const AMR_MAGIC = '#!AMR';

export class ContainerPath implements AudioPath {
  readonly #decoders: LiveDecodersPort;
  readonly #encoding: string | null;
  readonly #give: (audio: Buffer) => void;
  readonly #line: Line;
  readonly #ended = Promise.withResolvers<undefined>();
  #container: ContainerAudio | null = null;
  #isFull = false;
  #isOver = false;

  constructor(decoders: LiveDecodersPort, encoding: string | null, line: Line, give: (audio: Buffer) => void) {
    this.#decoders = decoders;
    this.#encoding = encoding;
    this.#line = line;
    this.#give = give;
  }

  take(bytes: Buffer): void {
    if (this.#isOver) return;
    this.#container ??= this.#open(bytes);
    this.#container.accept(bytes);
  }

  /** Without a byte there is nothing to decode. */
  end(): Promise<void> {
    if (this.#container === null) this.#ended.resolve(undefined);
    else this.#container.end();
    return this.#ended.promise;
  }

  press(isFull: boolean): void {
    this.#isFull = isFull;
    this.#container?.hold(isFull);
  }

  close(): void {
    this.#isOver = true;
    this.#container?.close();
  }

  #open(first: Buffer): ContainerAudio {
    const saysItself = first.toString('latin1', 0, AMR_MAGIC.length) === AMR_MAGIC;
    const format = saysItself ? null : (BARE[this.#encoding ?? ''] ?? null);
    const options = { decoders: this.#decoders, format, bare: null };
    const container = new ContainerAudio(options, {
      audio: (pcm) => this.#give(pcm),
      hold: (isFull) => this.#line.hold(isFull),
      ended: () => this.#ended.resolve(undefined),
      failed: (failure) => this.#line.fail(failure),
    });
    container.hold(this.#isFull);
    return container;
  }
}
