/** The audio log of one channel of a file, and how loud it is. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { LoudnessMeter } from './spans.ts';

export interface AudioLogPort {
  extent(prefix: string): Promise<{ readonly durableBytes: number; readonly sealed: boolean }>;
  append(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean>;
  seal(prefix: string, endByte: number): Promise<boolean>;
  read(prefix: string, fromByte: number): AsyncIterable<Uint8Array>;
}

/** One object of the audio log of a file: 33 s. */
const STRETCH_BYTES = 1 << 20;

/** What is done in a workflow's own task is not heard of while it goes on. */
export function beat(details: object): void {
  const { info } = Context.current();
  if (!info.isLocal) Context.current().heartbeat(details);
}

/** Passes a stream on; heartbeats how far it is, and ends it when the activity is cancelled. */
export async function* watched(content: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void> {
  const { cancellationSignal } = Context.current();
  let bytes = 0;
  for await (const chunk of content) {
    cancellationSignal.throwIfAborted();
    bytes += chunk.byteLength;
    beat({ [name]: bytes });
    yield chunk;
  }
}

/**
 * An earlier attempt, or one that is still at it elsewhere, may have stored part of it: what is stored stays, whoever stored
 * it (both decode the same upload), and only what is missing is added.
 */
export class FileLog {
  readonly #log: AudioLogPort;
  readonly #prefix: string;
  readonly #meter = new LoudnessMeter();
  /** What is not stored yet, at most a stretch. */
  #waiting: Uint8Array[] = [];
  #filled = 0;
  #durableBytes = 0;
  #decodedBytes = 0;
  sealed = false;

  constructor(log: AudioLogPort, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
  }

  get totalBytes(): number {
    return this.#durableBytes;
  }

  async open(): Promise<void> {
    const { durableBytes, sealed } = await this.#log.extent(this.#prefix);
    this.#durableBytes = durableBytes;
    this.sealed = sealed;
  }

  /** Takes the next decoded bytes, which stay as they are from then on; whole stretches are stored. */
  async take(pcm: Uint8Array): Promise<void> {
    for (let at = 0; at < pcm.byteLength && !this.sealed;) {
      const piece = pcm.subarray(at, at + STRETCH_BYTES - this.#filled);
      this.#waiting.push(piece);
      this.#filled += piece.byteLength;
      at += piece.byteLength;
      if (this.#filled === STRETCH_BYTES) await this.#store();
    }
  }

  /** No more comes: stores the rest, an odd byte at the end being no sample, and seals the log. */
  async finish(): Promise<void> {
    if (!this.sealed && this.#filled > 1) await this.#store();
    if (!this.sealed) await this.#seal();
  }

  /** Answers once all of the stretch is stored, or the log is found sealed. */
  async #store(): Promise<void> {
    const pcm = Buffer.concat(this.#waiting, this.#filled - (this.#filled % 2));
    this.#waiting = [];
    this.#filled = 0;
    this.#meter.add(pcm);
    const end = this.#decodedBytes + pcm.byteLength;
    while (this.#durableBytes < end && !this.sealed) {
      const missing = pcm.subarray(this.#durableBytes - this.#decodedBytes);
      if (await this.#log.append(this.#prefix, this.#durableBytes, missing)) this.#durableBytes = end;
      else await this.open();
      beat({ storedBytes: this.#durableBytes });
    }
    this.#decodedBytes = end;
  }

  async #seal(): Promise<void> {
    if (!(await this.#log.seal(this.#prefix, this.#durableBytes))) {
      throw ApplicationFailure.retryable('another attempt is storing the same audio', 'AudioLogBusy');
    }
    this.sealed = true;
  }

  /** Loudness of the whole log, measured while it was decoded; read back where an earlier attempt knew more of it. */
  async levels(): Promise<Float32Array> {
    if (this.#decodedBytes === this.#durableBytes) return this.#meter.levels();
    const meter = new LoudnessMeter();
    for await (const pcm of watched(this.#log.read(this.#prefix, 0), 'measuredBytes')) meter.add(pcm);
    return meter.levels();
  }
}
