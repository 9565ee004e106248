/** The body of a pre-recorded request on its way to storage: its sum, and a header where it is raw samples. */
import { createHash } from 'node:crypto';
import { sniff } from '../../audio/sniff.ts';
import type { RawEncoding } from './parameters.ts';
import { wavHeader } from './wav-header.ts';

export interface RawSamples {
  readonly encoding: RawEncoding;
  readonly sampleRate: number;
  readonly channels: number;
}

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
    let head: Buffer | null = this.#raw === null ? null : Buffer.alloc(0);
    for await (const chunk of this.#body) {
      this.#sha256.update(chunk);
      if (head === null) {
        yield chunk;
        continue;
      }
      head = Buffer.concat([head, chunk]);
      if (sniff(head, false) === 'more') continue;
      yield this.#begun(head);
      head = null;
    }
    if (head !== null && head.length > 0) yield this.#begun(head);
  }

  /** A file that says itself what it is, is believed, whatever `encoding` says. */
  #begun(head: Buffer): Buffer {
    if (this.#raw === null || sniff(head, true) !== 'unknown') return head;
    const { encoding, sampleRate, channels } = this.#raw;
    return Buffer.concat([wavHeader(encoding, sampleRate, channels), head]);
  }

  /** Of the body as it came, in hexadecimal; to be asked for once, after its end. */
  sha256(): string {
    return this.#sha256.digest('hex');
  }
}
