/**
 * A live stream that is no bare audio: a container (webm, ogg, mp4, mp3, flac, aac, wav …) or a codec that a decoder knows.
 * Bytes go in as they come; 16 kHz mono s16le, the audio log's own format, comes out as it is decoded. A session of it is
 * opened with that format: for everyone else it is a session like any other.
 */
import type { AudioFormat } from '../../workflows/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import { openCodec } from './codec.ts';
import type { AudioCodec } from './codec.ts';
import { sniff } from './sniff.ts';
import { readWavHead } from './wav-header.ts';

/** What decoded audio is. */
export const DECODED: AudioFormat = { encoding: 's16le', sampleRate: 16_000, channels: 1 };

/** Codecs without a container: the stream says nothing of itself, its sender must. */
export const NAMED_CODECS = [
  ...['s8', 'u8', 's16le', 's16be', 'u16le', 'u16be', 's24le', 's24be', 's32le', 's32be', 'f32le', 'f32be'],
  ...['f64le', 'f64be', 'mulaw', 'alaw', 'amrnb', 'amrwb', 'g729'],
] as const;
export type NamedCodec = (typeof NAMED_CODECS)[number];

/** Null: the stream says what it is. */
export type StreamFormat = {
  readonly codec: NamedCodec;
  readonly sampleRate: number;
  readonly channels: number;
} | null;

/** Decoders that run beside the gateway (infra/ffmpeg/live.ts), so many and no more. */
export interface LiveDecodersPort {
  open(format: StreamFormat, events: LiveDecodingEvents): LiveDecoding;
}

/** One stream's decoder. */
export interface LiveDecoding {
  /** False: it takes no more until {@link LiveDecodingEvents.drained}. */
  write(bytes: Buffer): boolean;
  /** Nothing follows. */
  end(): void;
  /** While it holds, no audio is given. */
  hold(isFull: boolean): void;
  /** Ends the decoder at once; nothing is said any more. */
  close(): void;
}

export interface LiveDecodingEvents {
  /** 16 kHz mono s16le. */
  audio(pcm: Buffer): void;
  drained(): void;
  /** After {@link LiveDecoding.end}: all audio was given. */
  ended(): void;
  /** @param reason a failure type (gateway/failures.ts). @param detail may be shown to the client. */
  refused(reason: string, detail: string): void;
}

/** Who gets the audio: a conversation, mostly by its line. */
export interface ContainerSink {
  /** 16 kHz mono s16le, cut anywhere. */
  audio(pcm: Buffer): void;
  /** The client is to wait while it holds. */
  hold(isFull: boolean): void;
  /** After {@link ContainerAudio.end}: all audio was given. */
  ended(): void;
  failed(failure: Failure): void;
}

export interface ContainerOptions {
  readonly decoders: LiveDecodersPort;
  readonly format: StreamFormat;
  /** What a stream is that does not say what it is; null: one that cannot be decoded. */
  readonly bare: AudioFormat | null;
}

/** Fewer bytes are no stream of any kind. */
const LEAST_BYTES = 4;

/** How the stream is read, once it is known what it is. */
type Way =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'wav' }
  | { readonly kind: 'samples'; readonly codec: AudioCodec; leftBytes: number }
  | { readonly kind: 'decoder'; readonly decoding: LiveDecoding }
  | { readonly kind: 'over' };

export class ContainerAudio {
  readonly #options: ContainerOptions;
  readonly #sink: ContainerSink;
  /** What came before it was known what it is. */
  #head: Buffer = Buffer.alloc(0);
  #way: Way = { kind: 'unknown' };
  #isHeld = false;
  /** The client has said so. */
  #ended = false;

  constructor(options: ContainerOptions, sink: ContainerSink) {
    this.#options = options;
    this.#sink = sink;
  }

  /** Takes the client's next bytes, cut anywhere. */
  accept(bytes: Buffer): void {
    if (this.#ended || this.#way.kind === 'over') return;
    switch (this.#way.kind) {
      case 'unknown':
      case 'wav':
        this.#head = Buffer.concat([this.#head, bytes]);
        this.#look(false);
        break;
      case 'samples':
        this.#samples(this.#way, bytes);
        break;
      case 'decoder':
        if (!this.#way.decoding.write(bytes)) this.#sink.hold(true);
        break;
      default:
        this.#way satisfies never;
    }
  }

  /** Nothing follows: `ended` is said when all audio was given, or `failed`. */
  end(): void {
    if (this.#ended || this.#way.kind === 'over') return;
    this.#ended = true;
    if (this.#way.kind === 'unknown' || this.#way.kind === 'wav') this.#look(true);
    if (this.#way.kind === 'samples') this.#sink.audio(this.#way.codec.flush());
    // A decoder says itself when it has.
    if (this.#way.kind === 'decoder') this.#way.decoding.end();
    else if (this.#isGoingOn()) this.#finish();
  }

  /** The session has no room, or has again: a decoder makes much of little. */
  hold(isFull: boolean): void {
    this.#isHeld = isFull;
    if (this.#way.kind === 'decoder') this.#way.decoding.hold(isFull);
  }

  /** The connection is gone: no decoder outlives it. */
  close(): void {
    if (this.#way.kind === 'decoder') this.#way.decoding.close();
    this.#way = { kind: 'over' };
    this.#head = Buffer.alloc(0);
  }

  #isGoingOn(): boolean {
    return this.#way.kind !== 'over';
  }

  #look(isWhole: boolean): void {
    if (this.#head.length < LEAST_BYTES && (!isWhole || this.#options.bare === null)) return;
    try {
      if (this.#options.format !== null) this.#decode();
      else if (this.#way.kind === 'wav') this.#lookAtWav(isWhole);
      else this.#lookAtHead(isWhole);
    } catch (error) {
      this.#fail(error as Failure);
    }
  }

  #lookAtHead(isWhole: boolean): void {
    const { bare } = this.#options;
    const what = sniff(this.#head, isWhole);
    if (what === 'wav') {
      this.#way = { kind: 'wav' };
      this.#lookAtWav(isWhole);
    } else if (what === 'unknown' && bare !== null) this.#read(bare, 0, null);
    else if (what !== 'more') this.#decode();
  }

  #lookAtWav(isWhole: boolean): void {
    const head = readWavHead(this.#head);
    if (head === 'more') {
      // A header and no sample is a stream without audio.
      if (isWhole) this.#head = Buffer.alloc(0);
    } else if (head === 'decoder') this.#decode();
    else this.#read(head.audio, head.dataAt, head.dataBytes);
  }

  /** Samples that need no decoder. */
  #read(audio: AudioFormat, dataAt: number, dataBytes: number | null): void {
    const way = { kind: 'samples', codec: openCodec(audio, 0), leftBytes: dataBytes ?? Infinity } as const;
    this.#way = way;
    this.#samples(way, this.#takeHead().subarray(dataAt));
  }

  #samples(way: Extract<Way, { kind: 'samples' }>, bytes: Buffer): void {
    // What follows the samples is titles and the like.
    const taken = bytes.subarray(0, Math.min(bytes.length, way.leftBytes));
    way.leftBytes -= taken.length;
    const pcm = way.codec.push(taken);
    if (pcm.length > 0) this.#sink.audio(pcm);
  }

  #decode(): void {
    const { decoders, format } = this.#options;
    const decoding = decoders.open(format, {
      audio: (pcm) => this.#sink.audio(pcm),
      drained: () => this.#sink.hold(false),
      ended: () => this.#finish(),
      refused: (reason, detail) => this.#fail(new Failure(isFailureType(reason) ? reason : 'internal', detail)),
    });
    this.#way = { kind: 'decoder', decoding };
    if (this.#isHeld) decoding.hold(true);
    if (!decoding.write(this.#takeHead())) this.#sink.hold(true);
  }

  #takeHead(): Buffer {
    const head = this.#head;
    this.#head = Buffer.alloc(0);
    return head;
  }

  #finish(): void {
    this.close();
    this.#sink.hold(false);
    this.#sink.ended();
  }

  #fail(failure: Failure): void {
    this.close();
    this.#sink.hold(false);
    this.#sink.failed(failure);
  }
}
