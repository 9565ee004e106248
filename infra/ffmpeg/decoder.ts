import { open } from 'node:fs/promises';
import { childEnvironment } from '../config.ts';
import type { Config } from '../config.ts';
import { findFfmpeg } from './command.ts';
import type { Ffmpeg, Output } from './command.ts';
import { apart } from './channels.ts';
import { plainSamples, plainSamplesBehind, readSamples } from './plain-wav.ts';
import type { PlainSamples } from './plain-wav.ts';
import { runFfmpeg } from './run.ts';
import type { RunLimits } from './run.ts';
import { AudioRefused, emptyAudio, judge, statedMs, tooLong, unsupported } from './refusal.ts';
import type { AudioVerdict, FfmpegEnd, Refusal } from './refusal.ts';

/** The audio log's format, in bytes a millisecond (workflows/contract.ts). */
const PCM_BYTES_PER_MS = 32;
const PROBE_SECONDS = 2;
const WAV_HEAD = 36;
const WAV_PCM = 1;

export interface DecoderOptions extends RunLimits {
  /** `auto`, `wasm`, or the path of a native ffmpeg. */
  readonly ffmpeg: string;
  /** Folders where `auto` looks, as in PATH. */
  readonly searchPath: string;
  /** Longest audio that is taken. */
  readonly maxMs: number;
}

/** Decodes any common format to 16 kHz mono s16le. Files are given by path and never leave this machine. */
export interface Decoder {
  readonly kind: 'native' | 'wasm';
  /** Looks at the beginning of a file. Throws DecoderFailed when the decoder fails, AbortError's reason when aborted. */
  probe(inputPath: string, signal?: AbortSignal): Promise<AudioVerdict>;
  /**
   * The samples, as they are decoded; a slow reader slows the decoder down, and one that stops ends it. Throws
   * {@link AudioRefused} for a file that is not taken, also in the middle (too long, or no audio after all).
   */
  decodeAudio(inputPath: string, signal?: AbortSignal): AsyncGenerator<Buffer, void>;
  /** The samples of a whole file that needs no decoder; null: it does, or is not taken. */
  plainAudio(file: Uint8Array): Uint8Array | null;
  /** The same as `decodeAudio` for each channel of the file: as many samples of each at a time. A file of more channels is refused. */
  decodeChannels(inputPath: string, maxChannels: number, signal?: AbortSignal): AsyncGenerator<readonly Buffer[], void>;
}

type DecoderSettings = Pick<
  Config,
  'LONGHAND_FFMPEG' | 'LONGHAND_MAX_FILE_MS' | 'LONGHAND_DECODE_STALL_MS' | 'LONGHAND_DECODE_LIMIT_MS'
>;

/** The decoder that the settings name. */
export const openDecoder = (config: DecoderSettings): Promise<Decoder> =>
  createDecoder({
    ffmpeg: config.LONGHAND_FFMPEG,
    searchPath: childEnvironment({})['PATH'] ?? '',
    maxMs: config.LONGHAND_MAX_FILE_MS,
    stallMs: config.LONGHAND_DECODE_STALL_MS,
    limitMs: config.LONGHAND_DECODE_LIMIT_MS,
  });

export async function createDecoder(options: DecoderOptions): Promise<Decoder> {
  const ffmpeg = await findFfmpeg(options.ffmpeg, options.searchPath);
  return {
    kind: ffmpeg.kind,
    probe: (inputPath, signal) => probe(ffmpeg, options, inputPath, signal),
    decodeAudio: (inputPath, signal) => decodeMono(ffmpeg, options, inputPath, signal),
    plainAudio: (file) => plainAudio(file, options.maxMs),
    decodeChannels: (inputPath, maxChannels, signal) =>
      decodeFile(ffmpeg, options, inputPath, 'channels', (wav) => apart(wav, maxChannels, options.maxMs), signal),
  };
}

async function probe(
  ffmpeg: Ffmpeg,
  options: DecoderOptions,
  inputPath: string,
  signal?: AbortSignal,
): Promise<AudioVerdict> {
  const file = await open(inputPath, 'r');
  try {
    const fileBytes = (await file.stat()).size;
    if (fileBytes === 0) return emptyAudio('the file is empty');
    const { buffer: head } = await file.read(Buffer.alloc(WAV_HEAD), 0, WAV_HEAD, 0);
    const absurd = wavRefusal(head);
    if (absurd !== null) return absurd;
    const plain = await plainSamples(file);
    if (plain !== null) return isTooLong(plain, options.maxMs) ? tooLong(options.maxMs) : { ok: true };
    const run = { ffmpeg, args: ffmpeg.arguments(inputPath, PROBE_SECONDS), input: file.fd, limits: options, signal };
    const pcm = runFfmpeg(run);
    let step = await pcm.next();
    while (step.done !== true) step = await pcm.next();
    return lengthVerdict(step.value, fileBytes, options.maxMs);
  } finally {
    await file.close();
  }
}

function plainAudio(file: Uint8Array, maxMs: number): Uint8Array | null {
  const plain = plainSamplesBehind(Buffer.from(file.buffer, file.byteOffset, file.byteLength), file.byteLength);
  return plain === null || isTooLong(plain, maxMs) ? null : file.subarray(plain.from, plain.from + plain.bytes);
}

const isTooLong = ({ bytes }: PlainSamples, maxMs: number): boolean => bytes > maxMs * PCM_BYTES_PER_MS;

/** ffmpeg takes any number of bits and rounds it up to bytes: what comes out then is noise. */
function wavRefusal(head: Buffer): Refusal | null {
  const isPcm = head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 16) === 'WAVEfmt ';
  if (!isPcm || head.readUInt16LE(20) !== WAV_PCM) return null;
  const bits = head.readUInt16LE(34);
  if (bits >= 8 && bits <= 64) return null;
  return unsupported(`the file claims samples of ${bits} bits: 8 to 64 are taken`);
}

function lengthVerdict(end: FfmpegEnd, fileBytes: number, maxMs: number): AudioVerdict {
  const verdict = judge(end);
  if (!verdict.ok) return verdict;
  const ms = statedMs(end.log, fileBytes);
  return ms !== null && ms > maxMs ? tooLong(maxMs) : verdict;
}

async function* decodeMono(
  ffmpeg: Ffmpeg,
  options: DecoderOptions,
  inputPath: string,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const file = await open(inputPath, 'r');
  try {
    const plain = await plainSamples(file);
    if (plain !== null) {
      if (isTooLong(plain, options.maxMs)) throw new AudioRefused(tooLong(options.maxMs));
      return yield* readSamples(file, plain, signal);
    }
  } finally {
    await file.close();
  }
  yield* decodeFile(ffmpeg, options, inputPath, 'mono', (pcm) => atMost(pcm, options.maxMs), signal);
}

/** @param samplesOf makes of what ffmpeg writes what is given on; it answers how ffmpeg ended. */
async function* decodeFile<T>(
  ffmpeg: Ffmpeg,
  options: DecoderOptions,
  inputPath: string,
  output: Output,
  samplesOf: (written: AsyncGenerator<Buffer, FfmpegEnd>) => AsyncGenerator<T, FfmpegEnd>,
  signal?: AbortSignal,
): AsyncGenerator<T, void> {
  const file = await open(inputPath, 'r');
  try {
    if ((await file.stat()).size === 0) throw new AudioRefused(emptyAudio('the file is empty'));
    const absurd = wavRefusal((await file.read(Buffer.alloc(WAV_HEAD), 0, WAV_HEAD, 0)).buffer);
    if (absurd !== null) throw new AudioRefused(absurd);
    // A second more than is taken: a file of exactly the longest length is not cut, and a longer one shows.
    const args = ffmpeg.arguments(inputPath, Math.ceil(options.maxMs / 1000) + 1, output);
    const end = yield* samplesOf(runFfmpeg({ ffmpeg, args, input: file.fd, limits: options, signal }));
    const verdict = judge(end);
    if (!verdict.ok) throw new AudioRefused(verdict);
  } finally {
    await file.close();
  }
}

async function* atMost(pcm: AsyncGenerator<Buffer, FfmpegEnd>, maxMs: number): AsyncGenerator<Buffer, FfmpegEnd> {
  let bytes = 0;
  try {
    for (;;) {
      const step = await pcm.next();
      if (step.done === true) return step.value;
      bytes += step.value.byteLength;
      if (bytes > maxMs * PCM_BYTES_PER_MS) throw new AudioRefused(tooLong(maxMs));
      yield step.value;
    }
  } finally {
    await pcm.return(undefined as never);
  }
}
