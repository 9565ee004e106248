/** A session's audio at this gateway: what a client brings, what storage holds, and where it ends. */
import { objectKeys } from '../../workflows/contract.ts';
import type { AttachAnswer, AudioFormat, SessionRef } from '../../workflows/contract.ts';
import type { AudioDial } from '../../workflows/audio-plane.ts';
import { endClientByte, openCodec } from '../audio/codec.ts';
import { Failure } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import type { FeedSource } from './feed.ts';
import { Intake } from './intake.ts';
import type { IntakeEvents } from './intake.ts';

export class AudioSide implements FeedSource {
  readonly #gateway: Gateway;
  readonly #ref: SessionRef;
  readonly #events: IntakeEvents;
  #intake: Intake | null = null;
  #opened = 0;
  /** Whose audio log: a file's may be one of several. */
  #channel = 0;
  /** Where the stored audio ends, once nothing can follow it. */
  #storedEnd: number | null = null;

  constructor(gateway: Gateway, ref: SessionRef, events: IntakeEvents) {
    this.#gateway = gateway;
    this.#ref = ref;
    this.#events = events;
  }

  // ---- as the worker's feed sees it

  get memoryStart(): number | null {
    return this.#intake?.buffer.start ?? null;
  }

  fromMemory(offset: number): Buffer | null {
    return this.#intake?.buffer.from(offset) ?? null;
  }

  readStored(fromByte: number, toByte: number | undefined): AsyncIterable<Uint8Array> {
    return this.#gateway.audioLog.read(this.#prefix, fromByte, toByte);
  }

  get endByte(): number | null {
    return this.#intake?.endByte ?? this.#storedEnd;
  }

  // ---- as the client's side sees it

  /** One past the last byte that has come. */
  get receivedByte(): number {
    return this.#intake?.buffer.end ?? 0;
  }

  /** How much audio storage holds, in bytes of the client's encoding. */
  async storedBytes(format: AudioFormat): Promise<number> {
    const { durableBytes, sealed } = await this.#gateway.audioLog.extent(this.#prefix);
    return sealed ? endClientByte(format, durableBytes) : openCodec(format, durableBytes).startClientByte;
  }

  /** A client takes the audio up where it stands; answers from which byte of its own encoding it is to send. */
  async open(answer: AttachAnswer): Promise<number> {
    this.#opened += 1;
    const turn = this.#opened;
    await this.#intake?.flush();
    const stored = await this.#gateway.audioLog.extent(this.#prefix);
    // Storage took its time: the client this was for was sent away, and the intake is another's by now.
    if (turn !== this.#opened) throw new Failure('superseded', 'a newer connection has taken this session over');
    if (stored.sealed) this.#storedEnd = stored.durableBytes;
    // Another gateway may have taken audio in since.
    if (!this.#intake?.standsAt(stored.durableBytes)) {
      this.#intake?.close();
      this.#intake = new Intake(this.#gateway, this.#ref, answer.audio, stored, this.#events);
    }
    const clientByte = this.#intake.resume();
    this.#events.changed();
    return clientByte;
  }

  accept(bytes: Buffer): void {
    this.#intake?.accept(bytes);
  }

  /** Everything that has come is stored. */
  async flush(): Promise<void> {
    await this.#intake?.flush();
  }

  /** No more audio comes: stores and seals it. Answers where it ends; null when none was taken here. */
  finish(): Promise<number | null> {
    return this.#intake?.finish() ?? Promise.resolve(this.#storedEnd);
  }

  /** Before a worker is fed: where the audio ends, by a span's end, by a seal, or, when no more is taken, by sealing it. */
  async findEnd(dial: AudioDial): Promise<void> {
    this.#channel = dial.channel ?? 0;
    if (dial.toByte !== null) this.#storedEnd = dial.toByte;
    if (dial.toByte !== null || this.#intake !== null) return;
    const { audioLog } = this.#gateway;
    for (;;) {
      const { durableBytes, sealed } = await audioLog.extent(this.#prefix);
      const ends = sealed || (dial.drain && (await audioLog.seal(this.#prefix, durableBytes)));
      if (ends) this.#storedEnd = durableBytes;
      // Sealing fails where a stretch came in between: that one is taken too.
      if (ends || !dial.drain) return;
    }
  }

  /** Another gateway takes the audio in from now on. */
  giveUp(): void {
    this.close();
    this.#intake = null;
  }

  close(): void {
    this.#intake?.close();
  }

  get #prefix(): string {
    return objectKeys.audio(this.#ref, this.#channel);
  }
}
