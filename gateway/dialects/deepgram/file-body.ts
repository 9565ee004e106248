/** The body of a pre-recorded request on its way to storage: its sum, and a header where it is raw samples. */
import { createHash } from 'node:crypto';
import type { RawEncoding } from './parameters.ts';
import { wavHeader } from './wav-header.ts';

export interface RawSamples {
  readonly encoding: RawEncoding;
  readonly sampleRate: number;
  readonly channels: number;
}

/** How files begin that say themselves what they are: such a one is believed, whatever `encoding` says. */
const CONTAINERS = ['RIFF', 'RF64', 'OggS', 'fLaC', 'ID3', '\x1a\x45\xdf\xa3', '#!AMR', 'FORM', '.snd', 'caff'];

export class FileBody {
  readonly #sha256 = createHash('sha256');
  readonly #body: AsyncIterable<Buffer>;
  readonly #raw: RawSamples | null;

  /** @param raw what the samples are, should they be raw */
  constructor(body: AsyncIterable<Buffer>, raw: RawSamples | null) {
    this.#body = body;
    this.#raw = raw;
  }

  /** What is to be stored. */
  async *stored(): AsyncGenerator<Buffer> {
    let isFirst = true;
    for await (const chunk of this.#body) {
      this.#sha256.update(chunk);
      if (isFirst && this.#raw !== null && !isContainer(chunk)) {
        const { encoding, sampleRate, channels } = this.#raw;
        yield wavHeader(encoding, sampleRate, channels);
      }
      isFirst = false;
      yield chunk;
    }
  }

  /** Of the body as it came, in hexadecimal; to be asked for once, after its end. */
  sha256(): string {
    return this.#sha256.digest('hex');
  }
}

const isContainer = (head: Buffer): boolean =>
  CONTAINERS.some((magic) => head.toString('latin1', 0, magic.length) === magic);
