/** From an upload to an audio log that is cut into spans. */
import { ApplicationFailure, Context } from '@temporalio/activity';
import { LOG_BYTES_PER_MS, objectKeys } from '../workflows/contract.ts';
import type { ControlActivities, DecodeAnswer, ProbeAnswer, SessionRef } from '../workflows/contract.ts';
import { untilDamaged } from './damage.ts';
import { cutSpans, LoudnessMeter } from './spans.ts';
import { openUpload } from './upload-source.ts';
import type { UploadObjects } from './upload-source.ts';

/** What preparing a file needs. */
export interface PreparePorts {
  readonly uploads: UploadObjects & { deleteAll(prefix: string): Promise<void> };
  readonly scratch: { hold(content: AsyncIterable<Uint8Array>): Promise<HeldFile> };
  readonly decoder: Decoder;
  readonly audioLog: AudioLogPort;
  /** Length of the spans a file is cut into, in milliseconds. */
  readonly spanMs: number;
}

interface HeldFile {
  readonly path: string;
  remove(): Promise<void>;
}

interface Decoder {
  probe(path: string, signal: AbortSignal): Promise<ProbeAnswer>;
  /** 16 kHz mono s16le. Throws an error with `reason` and `detail`, named `AudioRefused`, for what is not taken. */
  decodeAudio(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

interface AudioLogPort {
  extent(prefix: string): Promise<{ readonly durableBytes: number; readonly sealed: boolean }>;
  append(prefix: string, startByte: number, bytes: Uint8Array): Promise<boolean>;
  seal(prefix: string, endByte: number): Promise<boolean>;
  read(prefix: string, fromByte: number): AsyncIterable<Uint8Array>;
}

/** One object of the audio log of a file: 33 s. */
const STRETCH_BYTES = 1 << 20;

export function createPrepare(
  ports: PreparePorts,
): Pick<ControlActivities, 'probeAudio' | 'decodeAudio' | 'discardUpload'> {
  return {
    probeAudio: untilDamaged(({ ref, uploadId }) =>
      withUpload(ports, ref.tenant, uploadId, (path) =>
        ports.decoder.probe(path, Context.current().cancellationSignal),
      ),
    ),
    decodeAudio: untilDamaged(async ({ ref, uploadId }) => {
      const log = new FileLog(ports.audioLog, ref);
      await log.open();
      if (!log.sealed) {
        const refusal = await withUpload(ports, ref.tenant, uploadId, (path) => fill(log, ports.decoder, path));
        if (refusal !== null) return refusal;
      }
      return answer(log, ports.spanMs);
    }),
    discardUpload: ({ ref, uploadId }) => ports.uploads.deleteAll(objectKeys.uploads(ref.tenant, uploadId)),
  };
}

/** Fetches the upload into a file for as long as `use` works; cancelling the activity stops the fetching. */
async function withUpload<T>(
  ports: PreparePorts,
  tenant: string,
  uploadId: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const content = await openUpload(ports.uploads, tenant, uploadId);
  if (content === null) throw ApplicationFailure.nonRetryable('the upload is not in storage', 'UploadMissing');
  const file = await ports.scratch.hold(watched(content, 'fetchedBytes'));
  try {
    return await use(file.path);
  } finally {
    await file.remove();
  }
}

/** Passes a stream on; heartbeats how far it is, and ends it when the activity is cancelled. */
async function* watched(content: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array, void> {
  const { cancellationSignal } = Context.current();
  let bytes = 0;
  for await (const chunk of content) {
    cancellationSignal.throwIfAborted();
    bytes += chunk.byteLength;
    Context.current().heartbeat({ [name]: bytes });
    yield chunk;
  }
}

/** Decodes into the log and seals it; null, or why the file is not taken. */
async function fill(log: FileLog, decoder: Decoder, path: string): Promise<DecodeAnswer | null> {
  try {
    const pcm = decoder.decodeAudio(path, Context.current().cancellationSignal);
    for await (const stretch of stretches(watched(pcm, 'decodedBytes'))) {
      await log.take(stretch);
      if (log.sealed) return null;
    }
    await log.seal();
    return null;
  } catch (error) {
    if (isRefusal(error)) return { ok: false, reason: error.reason, detail: error.detail };
    throw error;
  }
}

const isRefusal = (error: unknown): error is Error & { reason: string; detail: string } =>
  error instanceof Error && error.name === 'AudioRefused' && 'reason' in error && 'detail' in error;

/** The same bytes in pieces of {@link STRETCH_BYTES}, the last one shorter; an odd byte at the end is no sample. */
async function* stretches(pcm: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  let stretch = new Uint8Array(STRETCH_BYTES);
  let filled = 0;
  for await (const chunk of pcm) {
    for (let at = 0; at < chunk.byteLength;) {
      const piece = chunk.subarray(at, at + STRETCH_BYTES - filled);
      stretch.set(piece, filled);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < STRETCH_BYTES) continue;
      yield stretch;
      stretch = new Uint8Array(STRETCH_BYTES);
      filled = 0;
    }
  }
  if (filled > 1) yield stretch.subarray(0, filled - (filled % 2));
}

/**
 * The audio log of one file. An earlier attempt, or one that is still at it elsewhere, may have stored part of it: what
 * is stored stays, whoever stored it (both decode the same upload), and only what is missing is added.
 */
class FileLog {
  readonly #log: AudioLogPort;
  readonly #prefix: string;
  readonly #meter = new LoudnessMeter();
  #durableBytes = 0;
  #decodedBytes = 0;
  sealed = false;

  constructor(log: AudioLogPort, ref: SessionRef) {
    this.#log = log;
    this.#prefix = objectKeys.audio(ref);
  }

  get totalBytes(): number {
    return this.#durableBytes;
  }

  async open(): Promise<void> {
    const { durableBytes, sealed } = await this.#log.extent(this.#prefix);
    this.#durableBytes = durableBytes;
    this.sealed = sealed;
  }

  /** Takes the next decoded bytes; answers once all of them are stored, or the log is found sealed. */
  async take(pcm: Uint8Array): Promise<void> {
    this.#meter.add(pcm);
    const end = this.#decodedBytes + pcm.byteLength;
    while (this.#durableBytes < end && !this.sealed) {
      const missing = pcm.subarray(this.#durableBytes - this.#decodedBytes);
      if (await this.#log.append(this.#prefix, this.#durableBytes, missing)) this.#durableBytes = end;
      else await this.open();
      Context.current().heartbeat({ storedBytes: this.#durableBytes });
    }
    this.#decodedBytes = end;
  }

  async seal(): Promise<void> {
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

async function answer(log: FileLog, spanMs: number): Promise<DecodeAnswer> {
  const spans = cutSpans(await log.levels(), log.totalBytes, spanMs * LOG_BYTES_PER_MS);
  return { ok: true, totalBytes: log.totalBytes, spans };
}
