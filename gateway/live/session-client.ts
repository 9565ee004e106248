/** What a session's hub and its client are to each other. */
import type { ClientMessage, ServerMessage } from '../protocol.ts';

export interface ClientLinkEvents {
  audio(bytes: Buffer): void;
  message(message: ClientMessage): void;
  /** The connection is gone, or closed from our side: nothing comes any more, whenever the client answers the close. */
  gone(): void;
}

/** A session's client, as its hub speaks with it: a connection, or one session's part of it. */
export interface SessionClient {
  /** Names the connection. */
  readonly id: string;
  /** The session is open: what the client sends is given to it. */
  serve(events: ClientLinkEvents): void;
  /** Back-pressure: the client's bytes wait in its own socket. */
  pause(): void;
  resume(): void;
  readonly isPaused: boolean;
  /** Tells the client. One that does not read loses partials first; then it is closed: a final is never skipped. */
  say(message: ServerMessage): void;
  /** Tells a partial as the worker wrote it, or drops it where the client reads too slowly. */
  sayPartial(json: Buffer): void;
  /** The recogniser has taken in the audio up to here; what was said before `settledMs` is final, if that is known. */
  heard(throughMs: number, settledMs: number | null): void;
  /**
   * For output that can wait: null while there is room for more; otherwise resolves once there is, or the connection is
   * gone. A client that reads nothing meanwhile, for as long as it may be silent, is closed.
   */
  room(): Promise<unknown> | null;
  /** Says what was wrong and closes with its code. */
  fail(error: unknown): void;
  close(code: number, reason: string): void;
}
