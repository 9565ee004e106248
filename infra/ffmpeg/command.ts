import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DecoderFailed } from './refusal.ts';

/**
 * The containers that are taken. Everything else is refused by ffmpeg before it is opened, above all what makes it open
 * further files or addresses: hls, dash, concat, sdp, image sequences, playlists.
 */
const FORMATS = [
  'aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,m4a,matroska,mov,mp3,mp4,mpeg,mpegts',
  'nistsphere,ogg,opus,tta,voc,w64,wav,webm,wv,xwma,3gp,3g2,mj2',
].join(',');

/** Output: the audio log's format (workflows/contract.ts). */
const SAMPLE_RATE = 16_000;

/** One way to run ffmpeg. The file is always its standard input as well, so that it need not be named. */
export interface Ffmpeg {
  readonly kind: 'native' | 'wasm';
  readonly program: string;
  /** Arguments that decode `inputPath`, cut after `maxSeconds`, to standard output; {@link Output}. */
  arguments(inputPath: string, maxSeconds: number, output?: Output): readonly string[];
  /** Arguments that decode standard input to standard output as it comes; null where it can only be read as a file. */
  liveArguments: ((format: LiveFormat) => readonly string[]) | null;
}

/** `mono`: the channels mixed to one, samples alone; `channels`: all of them, interleaved, as a WAV file. */
export type Output = 'mono' | 'channels';

/** Null: a container, which says what it is. */
export type LiveFormat = { readonly codec: string; readonly sampleRate: number; readonly channels: number } | null;

/**
 * Finds an ffmpeg. `auto`: the first on the search path, else the WebAssembly build (`@ffmpeg/core`) in a process of its
 * own; `wasm`: the latter; anything else is the path of a native one. Throws {@link DecoderFailed} when there is none.
 */
export async function findFfmpeg(which: string, searchPath: string): Promise<Ffmpeg> {
  if (which === 'wasm') return wasm();
  if (which !== 'auto') return native(which);
  for (const folder of searchPath.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(folder, 'ffmpeg');
    if (await isProgram(candidate)) return native(candidate);
  }
  return wasm();
}

const isProgram = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

async function native(program: string): Promise<Ffmpeg> {
  const { stdout } = await promisify(execFile)(program, ['-hide_banner', '-protocols'], {
    timeout: 20_000,
    env: {},
  }).catch((error: unknown) => {
    throw new DecoderFailed(`ffmpeg does not run (${program})`, { cause: error });
  });
  // From 6.0 on the open file can be handed over, and ffmpeg opens nothing at all by name; `pipe` cannot seek.
  const takesFd = /^\s*fd$/m.test(stdout);
  const named = (inputPath: string): Channels => ({ protocol: 'file', input: `file:${inputPath}`, output: 'pipe:1' });
  const handed: Channels = { protocol: 'fd', input: 'fd:', output: 'pipe:1' };
  return {
    kind: 'native',
    program,
    arguments: (inputPath, maxSeconds, output) => [
      '-nostdin',
      ...decode(takesFd ? handed : named(inputPath), maxSeconds, output),
    ],
    liveArguments: decodeLive,
  };
}

/** Names inside the WebAssembly build's own file system, made by wasm-process.ts. */
export const WASM_INPUT = '/input';
export const WASM_OUTPUT = '/output';

function wasm(): Ffmpeg {
  const folder = import.meta.dirname;
  const channels: Channels = { protocol: 'file', input: `file:${WASM_INPUT}`, output: `file:${WASM_OUTPUT}` };
  // The process may read its own code and nothing else: not the data folder, no settings, no other program.
  const confined = ['--permission', `--allow-fs-read=${folder}`, `--allow-fs-read=${corePackage()}`];
  const quiet = ['--disable-warning=ExperimentalWarning', '--disable-warning=SecurityWarning'];
  return {
    kind: 'wasm',
    program: process.execPath,
    arguments: (_, maxSeconds, output) => [
      ...confined,
      ...quiet,
      join(folder, 'wasm-process.ts'),
      ...decode(channels, maxSeconds, output),
    ],
    // The build reads by seeking, and cannot wait.
    liveArguments: null,
  };
}

function corePackage(): string {
  try {
    return dirname(dirname(dirname(createRequire(fileURLToPath(import.meta.url)).resolve('@ffmpeg/core'))));
  } catch (error) {
    const advice = 'install ffmpeg, name it by LONGHAND_FFMPEG, or install the optional package @ffmpeg/core';
    throw new DecoderFailed(`there is nothing to decode audio with: ${advice}`, { cause: error });
  }
}

interface Channels {
  readonly protocol: 'file' | 'fd';
  readonly input: string;
  readonly output: string;
}

function decode({ protocol, input, output }: Channels, maxSeconds: number, as: Output = 'mono'): string[] {
  const taken = ['-protocol_whitelist', protocol, '-format_whitelist', FORMATS, '-i', input, '-map', '0:a:0'];
  return [...QUIET, ...taken, '-t', String(maxSeconds), ...(as === 'mono' ? PCM : EACH_CHANNEL), output];
}

const QUIET = ['-hide_banner', '-nostats', '-loglevel', 'info'];
const SAMPLES = ['-ar', String(SAMPLE_RATE), '-c:a', 'pcm_s16le', '-map_metadata', '-1'];
const PCM = ['-ac', '1', ...SAMPLES, '-f', 's16le'];
const EACH_CHANNEL = [...SAMPLES, '-f', 'wav'];

/** The codecs that say nothing of themselves, as ffmpeg's demuxers call them; those of speech know their own rate. */
const BARE = ['s8', 'u8', 's16le', 's16be', 'u16le', 'u16be', 's24le', 's24be', 's32le', 's32be', 'f32le', 'f32be'];
const BARE_CODECS: readonly string[] = [...BARE, 'f64le', 'f64be', 'mulaw', 'alaw'];
const SPEECH_CODECS: readonly string[] = ['amrnb', 'amrwb', 'g729'];

/**
 * Nothing waits for more than it needs: the format shows in the first bytes, and what else a container says of its streams
 * is not waited for. (`-fflags nobuffer` is faster still and loses what was read to find that out.) Of its bytes only
 * standard input is read, whatever they name.
 */
function decodeLive(format: LiveFormat): string[] {
  const locked = ['-nostdin', '-protocol_whitelist', 'pipe', '-format_whitelist', format?.codec ?? FORMATS];
  const prompt = ['-probesize', '1000000', '-analyzeduration', '1'];
  const input = [...prompt, ...(format === null ? [] : bareInput(format)), '-i', 'pipe:0', '-map', '0:a:0'];
  return [...QUIET, ...locked, ...input, ...PCM, '-flush_packets', '1', 'pipe:1'];
}

function bareInput({ codec, sampleRate, channels }: NonNullable<LiveFormat>): string[] {
  if (SPEECH_CODECS.includes(codec)) return ['-f', codec];
  if (!BARE_CODECS.includes(codec)) throw new DecoderFailed(`${codec} is no codec that can be named`);
  return ['-f', codec, '-ar', String(sampleRate), '-ac', String(channels)];
}
