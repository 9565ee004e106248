/**
 * A client's audio on its way into the audio log: decoded, held in memory, stored, acknowledged. It outlives the client's
 * connection, so that the next one goes on where the last one stopped.
 */
import { objectKeys } from '../../workflows/contract.ts';
import type { AudioFormat, SessionRef } from '../../workflows/contract.ts';
import { AudioBuffer } from '../audio/buffer.ts';
import { endClientByte, openCodec } from '../audio/codec.ts';
import type { AudioCodec } from '../audio/codec.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { untilDone } from '../retry.ts';
import { LogWriter } from './log-writer.ts';

/** The audio log as it stands when a client takes it up. */
export interface Stored {
  readonly durableBytes: number;
  /** No more audio is taken: what a client sends all the same is let fall. */
  readonly sealed: boolean;
}

export interface IntakeEvents {
  /** Audio came, or its end is known. */
  changed(): void;
  /** The client's audio before this byte, in its own encoding, is stored. */
  stored(clientBytes: number): void;
  /** The buffer is full, or no longer. */
  pressure(isFull: boolean): void;
  isCurrent(): Promise<boolean>;
  superseded(): void;
}

export class Intake {
  readonly #gateway: Gateway;
  readonly #prefix: string;
  readonly #format: AudioFormat;
  readonly #events: IntakeEvents;
  readonly #buffer: AudioBuffer;
  readonly #writer: LogWriter;
  #codec: AudioCodec;
  #clientBytes: number;
  #endByte: number | null;
  #finishing: Promise<number> | null;

  constructor(gateway: Gateway, ref: SessionRef, format: AudioFormat, stored: Stored, events: IntakeEvents) {
    const { durableBytes, sealed } = stored;
    this.#gateway = gateway;
    this.#prefix = objectKeys.audio(ref);
    this.#format = format;
    this.#events = events;
    this.#buffer = new AudioBuffer(durableBytes);
    this.#writer = this.#openWriter();
    this.#codec = openCodec(format, durableBytes);
    this.#clientBytes = sealed ? endClientByte(format, durableBytes) : this.#codec.startClientByte;
    this.#endByte = sealed ? durableBytes : null;
    this.#finishing = sealed ? Promise.resolve(durableBytes) : null;
  }

  get buffer(): AudioBuffer {
    return this.#buffer;
  }

  /** Where the audio ends in the log; null while more may come. */
  get endByte(): number | null {
    return this.#endByte;
  }

  /** All that came is stored, and nothing else: a new connection may go on here. */
  standsAt(durableBytes: number): boolean {
    return this.#writer.durable === durableBytes && this.#buffer.end === durableBytes;
  }

  /** A new connection takes over: answers from which byte of its own encoding the client is to send. */
  resume(): number {
    // Nothing more is wanted.
    if (this.#finishing !== null) return this.#clientBytes;
    this.#codec = openCodec(this.#format, this.#buffer.end);
    this.#clientBytes = this.#codec.startClientByte;
    return this.#clientBytes;
  }

  accept(bytes: Buffer): void {
    if (this.#finishing !== null) return;
    this.#clientBytes += bytes.length;
    this.#take(this.#codec.push(bytes));
    if (this.#isFull()) this.#events.pressure(true);
  }

  /** Everything the client has sent is stored. */
  async flush(): Promise<void> {
    await this.#writer.flush();
  }

  /** No more audio comes: stores and seals it. Answers where the audio ends in the log. */
  finish(): Promise<number> {
    this.#finishing ??= this.#seal();
    return this.#finishing;
  }

  close(): void {
    this.#writer.stop();
  }

  #openWriter(): LogWriter {
    const { audioLog, settings, log } = this.#gateway;
    const durable = (bytes: number) => this.#stored(bytes);
    const events = { ...this.#events, durable };
    return new LogWriter(audioLog, this.#prefix, this.#buffer, settings.ackIntervalMs, events, log);
  }

  #take(audio: Buffer): void {
    if (audio.length === 0) return;
    this.#buffer.append(audio);
    this.#writer.notify();
    this.#events.changed();
  }

  #isFull(): boolean {
    return this.#buffer.end - this.#writer.durable > this.#gateway.settings.sessionBufferBytes;
  }

  #stored(logBytes: number): void {
    this.#buffer.trim(logBytes - this.#gateway.settings.recentAudioBytes);
    this.#events.stored(this.#codec.clientByte(logBytes));
    if (!this.#isFull()) this.#events.pressure(false);
  }

  async #seal(): Promise<number> {
    this.#take(this.#codec.flush());
    await this.#writer.flush();
    const { log } = this.#gateway;
    const endByte = this.#writer.durable;
    if (endByte !== this.#buffer.end) throw overtaken();
    const sealed = await untilDone(
      'sealing the audio log',
      () => this.#sealAt(endByte),
      () => false,
      log,
    );
    if (!sealed) throw overtaken();
    this.#endByte = endByte;
    this.#events.stored(this.#clientBytes);
    this.#events.changed();
    return endByte;
  }

  /** A seal that stands already, from an answer that was lost, is as good. */
  async #sealAt(endByte: number): Promise<boolean> {
    const { audioLog } = this.#gateway;
    if (await audioLog.seal(this.#prefix, endByte)) return true;
    const { durableBytes, sealed } = await audioLog.extent(this.#prefix);
    return sealed && durableBytes === endByte;
  }
}

const overtaken = (): Failure => new Failure('superseded', 'another connection has stored audio of this session');
