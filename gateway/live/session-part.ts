/** One session of several on a connection: its part of it. */
import type { SessionLine, SessionTalk } from '../dialects/dialect.ts';
import type { ClientMessage, ServerMessage } from '../protocol.ts';
import type { ClientLinkEvents, SessionClient } from './session-client.ts';

/** The connection, as its parts use it. */
export interface Whole {
  hold(isFull: boolean): void;
  /** Takes a step that tells the client something; one that does not read is closed. */
  say(step: () => void): void;
  /** The same, left out where the client reads too slowly. */
  sayPartial(step: () => void): void;
  room(): Promise<unknown> | null;
  fail(error: unknown): void;
  /** The session is over for this client. */
  ended(code: number, reason: string): void;
}

export class SessionPart implements SessionClient, SessionLine {
  readonly id: string;
  readonly #talk: SessionTalk;
  readonly #whole: Whole;
  #events: ClientLinkEvents | null = null;
  /** What was heard before the session is open. */
  #early: (Buffer | ClientMessage)[] = [];
  #paused = false;
  #over = false;

  /** Holds the connection until the session is open. */
  constructor(id: string, talk: SessionTalk, whole: Whole) {
    this.id = id;
    this.#talk = talk;
    this.#whole = whole;
  }

  // ---- what the conversation sends

  audio(bytes: Buffer): void {
    if (this.#over) return;
    if (this.#events === null) this.#early.push(bytes);
    else this.#events.audio(bytes);
  }

  message(message: ClientMessage): void {
    if (this.#over) return;
    if (this.#events === null) this.#early.push(message);
    else this.#events.message(message);
  }

  // ---- what the session asks for

  serve(events: ClientLinkEvents): void {
    if (this.#over) {
      events.gone();
      return;
    }
    this.#events = events;
    this.#whole.hold(false);
    give(this.#early.splice(0), events);
  }

  pause(): void {
    this.#paused = true;
    this.#whole.hold(true);
  }

  resume(): void {
    this.#paused = false;
    this.#whole.hold(false);
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  say(message: ServerMessage): void {
    if (!this.#over) this.#whole.say(() => this.#talk.say(message));
  }

  sayPartial(json: Buffer): void {
    if (!this.#over) this.#whole.sayPartial(() => this.#talk.sayPartial(json));
  }

  heard(throughMs: number, settledMs: number | null): void {
    if (!this.#over) this.#whole.say(() => this.#talk.heard?.(throughMs, settledMs));
  }

  room(): Promise<unknown> | null {
    return this.#over ? null : this.#whole.room();
  }

  fail(error: unknown): void {
    if (!this.#over) this.#whole.fail(error);
  }

  close(code: number, reason: string): void {
    if (this.#over) return;
    this.gone();
    // What is sent to this session from now on is for nobody, and must not hold the others up.
    this.#whole.hold(false);
    this.#whole.ended(code, reason);
  }

  /** The connection is gone, or the session is over. */
  gone(): void {
    this.#over = true;
    this.#early = [];
    this.#events?.gone();
    this.#events = null;
  }
}

/** Gives a session what was heard before it was open. */
export function give(early: readonly (Buffer | ClientMessage)[], events: ClientLinkEvents): void {
  for (const one of early) {
    if ('type' in one) events.message(one);
    else events.audio(one);
  }
}
