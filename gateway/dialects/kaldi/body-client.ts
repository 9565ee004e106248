/** A request's body as a session's client: heard while it is uploaded, answered when all of it is transcribed. */
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { asFailure, Failure } from '../../failures.ts';
import type { ServerMessage } from '../../protocol.ts';
import type { ClientLinkEvents, SessionClient } from '../../live/session-client.ts';
import type { ContainerSink } from '../../audio/container.ts';
import type { AudioIn } from './audio-in.ts';

export interface BodyLimits {
  /** A body that stands still for so long is cut off. */
  readonly stallMs: number;
  readonly maxBytes: number;
}

export class BodyClient implements SessionClient {
  readonly id = randomUUID();
  /** The text of every final; fails with a {@link Failure}. */
  readonly transcript: Promise<string>;
  readonly #body: Readable;
  readonly #limits: BodyLimits;
  readonly #audio: AudioIn;
  readonly #finals: string[] = [];
  readonly #answer = Promise.withResolvers<string>();
  #events: ClientLinkEvents | null = null;
  #stall: NodeJS.Timeout | null = null;
  #bytes = 0;
  #decoderHolds = false;
  #sessionHolds = true;
  #isWhole = false;
  /** All of it went into the session, or there was nothing: a body without a byte ends before the session is open. */
  #isHeard = false;
  #over = false;

  /** @param openInput makes the audio's way into the session */
  constructor(body: Readable, limits: BodyLimits, openInput: (sink: ContainerSink) => AudioIn) {
    this.#body = body;
    this.#limits = limits;
    this.transcript = this.#answer.promise;
    this.transcript.catch(() => undefined);
    this.#audio = openInput({
      audio: (pcm) => this.#events?.audio(pcm),
      hold: (isFull) => this.#hold(() => (this.#decoderHolds = isFull)),
      ended: () => this.#sayEnd(),
      failed: (failure) => this.fail(failure),
    });
    this.#audio.hold(true);
    body.on('data', (bytes: Buffer) => this.#take(bytes)).pause();
    body.on('end', () => this.#ended());
    // Also a body whose end was never seen: the client is gone.
    body.on('close', () => this.#cutOff());
    body.on('error', () => this.#cutOff());
  }

  // ---- what the session asks for

  serve(events: ClientLinkEvents): void {
    this.#events = events;
    if (this.#over) this.#sayGone();
    else {
      if (this.#isHeard) this.#sayEnd();
      this.resume();
    }
  }

  pause(): void {
    this.#audio.hold(true);
    this.#hold(() => (this.#sessionHolds = true));
  }

  resume(): void {
    this.#audio.hold(false);
    this.#hold(() => (this.#sessionHolds = false));
  }

  get isPaused(): boolean {
    return this.#sessionHolds;
  }

  say(message: ServerMessage): void {
    if (message.type === 'final') this.#finals.push(message.text);
    if (message.type === 'done' && message.state === 'cancelled') {
      this.fail(new Failure('superseded', 'the session was cancelled'));
    }
  }

  // Only the whole is answered.
  sayPartial(): void {}
  heard(): void {}

  room(): null {
    return null;
  }

  fail(error: unknown): void {
    if (this.#over) return;
    this.#finish();
    this.#answer.reject(asFailure(error));
    this.#sayGone();
  }

  /** The session has ended as it should. */
  close(): void {
    if (this.#over) return;
    this.#finish();
    this.#answer.resolve(this.#finals.join(' '));
    this.#sayGone();
  }

  // ---- the body

  #take(bytes: Buffer): void {
    if (this.#over) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#limits.maxBytes) {
      this.fail(new Failure('upload_too_large', `more than ${this.#limits.maxBytes} bytes`));
      return;
    }
    this.#stall?.refresh();
    this.#audio.accept(bytes);
  }

  #ended(): void {
    this.#isWhole = true;
    this.#watchStall(false);
    if (!this.#over) this.#audio.end();
  }

  #sayEnd(): void {
    this.#isHeard = true;
    this.#events?.message({ type: 'end' });
  }

  #cutOff(): void {
    if (!this.#isWhole) this.fail(new Failure('incomplete_upload', 'the body ended early'));
  }

  #hold(change: () => void): void {
    change();
    if (this.#over || this.#isWhole) return;
    const isHeld = this.#decoderHolds || this.#sessionHolds;
    if (isHeld) this.#body.pause();
    else this.#body.resume();
    this.#watchStall(!isHeld);
  }

  /** Only while the client could send. */
  #watchStall(isWatched: boolean): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    const late = (): void =>
      this.fail(new Failure('incomplete_upload', `the body stood still for ${this.#limits.stallMs} ms`));
    this.#stall = isWatched ? setTimeout(late, this.#limits.stallMs) : null;
  }

  #finish(): void {
    this.#over = true;
    this.#watchStall(false);
    this.#audio.close();
    // What still comes is let fall, so that the answer is read.
    this.#body.resume();
  }

  #sayGone(): void {
    this.#events?.gone();
    this.#events = null;
  }
}
