/**
 * What a WebSocket address speaks. Each dialect is one file (or folder) here, over the same session core: it turns what its
 * clients send into audio and messages of the native protocol, and what the session says into what its clients expect.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Failure } from '../failures.ts';
import type { ClientMessage, LiveRequest, ServerMessage } from '../protocol.ts';

/** A client at the door: its handshake. */
export interface Handshake {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** What it offers in `Sec-WebSocket-Protocol`, in its order; may hold secrets. */
  readonly protocols: readonly string[];
}

export interface Dialect {
  /** The address it is spoken at. */
  readonly path: string;
  /**
   * Before the upgrade.
   * @throws Failure for a client that is to be refused by HTTP, while there is no WebSocket yet
   */
  meet(handshake: Handshake): Meeting;
  /** How a refusal of {@link meet} is told; absent: problem+json. */
  refusal?(failure: Failure): Refusal;
}

export interface Refusal {
  readonly contentType: string;
  readonly body: string;
  /** Further headers: one line of ASCII each. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client that may come in. */
export interface Meeting {
  /** The subprotocol that is agreed on: one of those offered, and no secret. */
  readonly protocol?: string;
  /** Further headers of the handshake's answer. */
  readonly headers?: Readonly<Record<string, string>>;
  converse(line: Line): Conversation;
}

/** What a session is sent. */
export interface SessionLine {
  /** Audio of the client, in the format of its {@link LiveRequest}. */
  audio(bytes: Buffer): void;
  message(message: ClientMessage): void;
}

/** What a session says. */
export interface SessionTalk {
  /** In order; partials apart. */
  say(message: ServerMessage): void;
  /** A partial as the worker wrote it: JSON of the native `partial` message. A client that reads slowly is spared some. */
  sayPartial(json: Buffer): void;
  /**
   * The recogniser has taken in the session's audio up to here; several times a second. What was said before `settledMs` is
   * final; null where that is not known.
   */
  heard?(throughMs: number, settledMs: number | null): void;
}

/** The connection, as a conversation uses it. */
export interface Line extends SessionLine {
  /** Starts the session or takes it up again; to be called once. What is heard until it is open waits for it. */
  open(request: LiveRequest): void;
  /**
   * Instead of {@link open}, for a connection of several sessions, such as one for each channel of a call: opens one of them.
   * All are to be opened before the first audio. The connection is closed once each of them has ended, or when one fails.
   */
  join(request: LiveRequest, talk: SessionTalk): SessionLine;
  /** Nothing is read from the client at present: its silence is not its own. */
  readonly isHeld: boolean;
  /** Sends a text frame; nothing when the connection is closed already. */
  send(text: string | Buffer): void;
  /** Nothing is read from the client while it holds. */
  hold(isFull: boolean): void;
  /** Says what was wrong in the dialect's words, and closes. */
  fail(error: unknown): void;
  close(code: number, reason: string): void;
}

/** The last words of a connection. Close reasons are cut at 123 bytes. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** One client's connection in its own words. What a method throws is told to the client by {@link fail}. */
export interface Conversation extends SessionTalk {
  /** The connection is open. */
  begin(): void;
  /** A frame of the client. */
  hear(data: Buffer, isBinary: boolean): void;
  /** The session has no room for more audio, as at first, before it is open; or has again. For who makes much audio of little. */
  press?(isFull: boolean): void;
  /** Says what was wrong; answers how the connection is then closed. */
  fail(failure: Failure): Closing;
  /** The connection is gone or closed: nothing may be said any more. */
  gone?(): void;
}
