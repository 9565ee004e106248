/** Decoders of live streams: one ffmpeg each, fed and read through pipes; so many at a time and no more. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { childEnvironment } from '../config.ts';
import type { Config } from '../config.ts';
import { findFfmpeg } from './command.ts';
import type { Ffmpeg, LiveFormat } from './command.ts';
import { LogEnds } from './log-ends.ts';
import { DecoderFailed, isMisdetected, judge, tooLong } from './refusal.ts';

export interface LiveDecoderOptions {
  /** Looks for the program, at the first stream. */
  readonly find: () => Promise<Ffmpeg>;
  readonly maxDecoders: number;
  /** A decoder that has work, and neither takes nor gives anything for so long, is ended. */
  readonly stallMs: number;
  /** Longest audio of one stream. */
  readonly maxMs: number;
}

export interface LiveEvents {
  /** 16 kHz mono s16le. */
  audio(pcm: Buffer): void;
  drained(): void;
  ended(): void;
  refused(reason: string, detail: string): void;
}

type LiveSettings = Pick<
  Config,
  'LONGHAND_FFMPEG' | 'LONGHAND_LIVE_DECODERS' | 'LONGHAND_DECODE_STALL_MS' | 'LONGHAND_MAX_SESSION_MS'
>;

/** The decoders that the settings name. */
export const openLiveDecoders = (config: LiveSettings): LiveDecoders =>
  new LiveDecoders({
    find: () => findFfmpeg(config.LONGHAND_FFMPEG, childEnvironment({})['PATH'] ?? ''),
    maxDecoders: config.LONGHAND_LIVE_DECODERS,
    stallMs: config.LONGHAND_DECODE_STALL_MS,
    maxMs: config.LONGHAND_MAX_SESSION_MS,
  });

export class LiveDecoders {
  readonly #options: LiveDecoderOptions;
  readonly #running = new Set<LiveDecoding>();
  #ffmpeg: Promise<Ffmpeg> | null = null;

  constructor(options: LiveDecoderOptions) {
    this.#options = options;
  }

  /** Decoders that run now. */
  get size(): number {
    return this.#running.size;
  }

  /** A decoder of its own for this stream, until it has ended, was refused or is closed. */
  open(format: LiveFormat, events: LiveEvents): LiveDecoding {
    const decoding = new LiveDecoding(this.#options, events, () => this.#running.delete(decoding));
    if (this.#running.size >= this.#options.maxDecoders) {
      const many = `${this.#options.maxDecoders} streams are decoded here already`;
      setImmediate(() => decoding.refuse('decoder_limit', `${many}: try again later, or send bare audio`));
      return decoding;
    }
    this.#running.add(decoding);
    void this.#start(format, decoding);
    return decoding;
  }

  async #start(format: LiveFormat, decoding: LiveDecoding): Promise<void> {
    try {
      this.#ffmpeg ??= this.#options.find();
      const ffmpeg = await this.#ffmpeg;
      if (ffmpeg.liveArguments === null) throw new DecoderFailed('only files can be decoded');
      decoding.start(ffmpeg.program, ffmpeg.liveArguments(format));
    } catch (error) {
      this.#ffmpeg = null;
      if (!(error instanceof DecoderFailed)) throw error;
      if (isForWantOfRoom(error.cause)) {
        decoding.refuse('decoder_limit', NO_ROOM);
        return;
      }
      const advice = 'install ffmpeg, or send bare audio (s16le, mulaw, alaw) or WAV';
      decoding.refuse('unsupported_audio', `live audio of this kind needs ffmpeg on PATH of the gateway: ${advice}`);
    }
  }
}

/** What the system lacks of which it may have some later: descriptors, processes, memory. */
const LACKS = ['EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM'];
const isForWantOfRoom = (error: unknown): boolean =>
  error instanceof Error && LACKS.includes(String((error as NodeJS.ErrnoException).code));
const NO_ROOM = 'no further decoder can be started here now: try again later, or send bare audio';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** The audio log's format, in bytes a millisecond (workflows/contract.ts). */
const PCM_BYTES_PER_MS = 32;
/** A stream that has shown no audio by then is none. */
const MAX_SILENT_BYTES = 8 << 20;

export class LiveDecoding {
  readonly #options: LiveDecoderOptions;
  readonly #events: LiveEvents;
  readonly #gone: () => void;
  readonly #log = new LogEnds();
  #child: Child | null = null;
  /** What came before the decoder ran. */
  #early: Buffer[] = [];
  /** Samples of a stream that is not known yet: what is left in the pipe of a decoder that has ended quickly. */
  #unproven: Buffer[] = [];
  #watch: NodeJS.Timeout | null = null;
  #movedAtMs = performance.now();
  #takenBytes = 0;
  #pcmBytes = 0;
  #needsDrain = false;
  #isHeld = false;
  #isKnown = false;
  #ended = false;
  /** The decoder is at its end; what still comes is of no use. */
  #exited = false;
  #closed = false;

  constructor(options: LiveDecoderOptions, events: LiveEvents, gone: () => void) {
    this.#options = options;
    this.#events = events;
    this.#gone = gone;
  }

  start(program: string, args: readonly string[]): void {
    if (this.#closed) return;
    // Nothing of this process's settings or credentials is for a decoder of strangers' streams.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: {}, windowsHide: true });
    child.on('error', (error) => this.#refuseUnstarted(error));
    // Without a descriptor left there are not even pipes.
    if (child.pid === undefined) return;
    this.#child = child;
    child.on('close', (exitCode, signal) => this.#over(exitCode, signal));
    // It may end before it has read everything.
    child.stdin.on('error', () => undefined).on('drain', () => this.#drained());
    child.stdout.on('data', (pcm: Buffer) => this.#give(pcm)).pause();
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#said(text));
    this.#movedAtMs = performance.now();
    this.#watch = setInterval(() => this.#look(), Math.max(20, this.#options.stallMs / 4)).unref();
    for (const bytes of this.#early.splice(0)) child.stdin.write(bytes);
    if (this.#ended) child.stdin.end();
    else if (!child.stdin.writableNeedDrain) this.#drained();
  }

  /** False: it takes no more until `drained`. */
  write(bytes: Buffer): boolean {
    if (this.#closed || this.#exited || this.#ended) return true;
    this.#takenBytes += bytes.length;
    if (this.#pcmBytes === 0 && this.#takenBytes > MAX_SILENT_BYTES) {
      this.refuse('unsupported_audio', `there is no audio in its first ${MAX_SILENT_BYTES} bytes`);
      return true;
    }
    if (this.#child === null) this.#early.push(bytes);
    this.#needsDrain = !(this.#child?.stdin.write(bytes) ?? false);
    return !this.#needsDrain;
  }

  end(): void {
    if (this.#closed || this.#ended) return;
    this.#ended = true;
    this.#movedAtMs = performance.now();
    this.#child?.stdin.end();
    if (this.#exited) this.#finish();
  }

  hold(isFull: boolean): void {
    this.#isHeld = isFull;
    this.#movedAtMs = performance.now();
    this.#flow();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#early = [];
    this.#unproven = [];
    this.#child?.kill('SIGKILL');
    this.#child?.stdout.destroy();
    this.#gone();
  }

  refuse(reason: string, detail: string): void {
    if (this.#closed) return;
    this.close();
    this.#events.refused(reason, detail);
  }

  #refuseUnstarted(error: Error): void {
    if (isForWantOfRoom(error)) this.refuse('decoder_limit', NO_ROOM);
    else this.refuse('internal', 'the decoder cannot be started');
  }

  #drained(): void {
    this.#movedAtMs = performance.now();
    if (this.#needsDrain && !this.#closed) {
      this.#needsDrain = false;
      this.#events.drained();
    }
  }

  /** Samples flow once it is said what the stream is: noise that only looks like audio is not taken for it. */
  #said(text: string): void {
    this.#log.add(text);
    if (this.#isKnown || !/^Output #0/m.test(this.#log.text)) return;
    this.#isKnown = true;
    if (isMisdetected(this.#log.text)) this.refuse('unsupported_audio', 'it is not of a format that is known');
    else {
      for (const pcm of this.#unproven.splice(0)) this.#give(pcm);
      this.#flow();
    }
  }

  #flow(): void {
    if (this.#isKnown && !this.#isHeld) this.#child?.stdout.resume();
    else this.#child?.stdout.pause();
  }

  #give(pcm: Buffer): void {
    if (this.#closed) return;
    if (!this.#isKnown) {
      this.#unproven.push(pcm);
      return;
    }
    this.#movedAtMs = performance.now();
    this.#pcmBytes += pcm.length;
    if (this.#pcmBytes > this.#options.maxMs * PCM_BYTES_PER_MS) {
      this.refuse('too_long', tooLong(this.#options.maxMs).detail);
    } else this.#events.audio(pcm);
  }

  #look(): void {
    const hasWork = this.#needsDrain || this.#ended;
    if (!hasWork || this.#isHeld) this.#movedAtMs = performance.now();
    else if (performance.now() - this.#movedAtMs > this.#options.stallMs) {
      this.refuse('unsupported_audio', `the decoder made nothing of it for ${this.#options.stallMs} ms`);
    }
  }

  #over(exitCode: number | null, signal: string | null): void {
    if (this.#closed) return;
    this.#exited = true;
    // The log is whole by now: a stream that it does not speak of gave no samples.
    try {
      const verdict = judge({ exitCode, signal, pcmBytes: this.#pcmBytes, log: this.#log.text });
      if (!verdict.ok && verdict.reason !== 'empty_audio') this.refuse(verdict.reason, verdict.detail);
      else if (this.#ended) this.#finish();
      else if (exitCode !== 0) this.refuse('unsupported_audio', 'it cannot be decoded any further');
      else this.#drained();
    } catch (error) {
      if (!(error instanceof DecoderFailed)) throw error;
      this.refuse('internal', error.message);
    }
  }

  #finish(): void {
    this.close();
    this.#events.ended();
  }
}
