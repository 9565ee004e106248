/** A client as a model: speaks in real time, keeps what is not acknowledged, comes back when its connection breaks. */
import { ok } from 'node:assert/strict';
import type { AudioFormat } from '../../workflows/contract.ts';
import type { Clock } from './clock.ts';
import type { ClientEnd, Gateway } from './gateway.ts';

const SPEAK_EVERY_MS = 300;
const SPOKEN_BYTES = 3;
/**
 * Longer than an attach can be under way: a client's attaches reach the workflow in its order. Where one that was given up
 * overtakes the next one at another gateway, the rules cannot tell the two apart: the gateway notices, within 15 s (Hub).
 */
const ATTACH_LIMIT_MS = 6000;

interface Connection extends ClientEnd {
  readonly gateway: Gateway;
  isAttached: boolean;
}

export class SimulatedCaller {
  acknowledgedBytes = 0;
  isOver = false;
  /** It does not come back. */
  hasLeft = false;
  readonly #clock: Clock;
  readonly #audioBytes: number;
  readonly #format: AudioFormat;
  readonly #gateway: () => Gateway | undefined;
  #connection: Connection | null = null;
  #connections = 0;
  #spokenBytes = 0;
  #sentBytes = 0;
  #saidEnd = false;
  #awaySinceMs: number | null = 0;
  #longestAwayMs = 0;
  #attachedSinceMs = 0;

  constructor(clock: Clock, audioBytes: number, format: AudioFormat, gateway: () => Gateway | undefined) {
    [this.#clock, this.#audioBytes, this.#format, this.#gateway] = [clock, audioBytes, format, gateway];
    this.#speak();
  }

  /** Through any gateway; an earlier connection may still be open. */
  connect(): void {
    if (this.isOver || this.hasLeft || this.#isAttaching) return;
    const gateway = this.#gateway();
    if (gateway === undefined) {
      this.#comeBack();
      return;
    }
    const id = `c${++this.#connections}`;
    this.#awaySinceMs ??= this.#clock.nowMs;
    const isMine = (): boolean => this.#connection?.id === id;
    const connection: Connection = {
      id,
      gateway,
      isAttached: false,
      acknowledged: (bytes) => {
        if (isMine()) this.acknowledgedBytes = Math.max(this.acknowledgedBytes, bytes);
      },
      attached: (durableBytes) => isMine() && this.#attached(connection, durableBytes),
      over: () => (this.isOver ||= isMine()),
      broken: () => isMine() && this.#break(this.#clock.between(50, 1000)),
    };
    this.#connection = connection;
    const { process } = gateway;
    this.#clock.message(() => process.run(() => gateway.attach(connection, this.#format)));
    this.#clock.after(ATTACH_LIMIT_MS, () => isMine() && !connection.isAttached && this.#break(100));
  }

  #attached(connection: Connection, durableBytes: number): void {
    ok(durableBytes >= this.acknowledgedBytes, 'what was acknowledged is in the audio log');
    ok(durableBytes <= this.#spokenBytes, 'the audio log holds what was spoken');
    connection.isAttached = true;
    this.#longestAwayMs = this.longestAwayMs;
    this.#awaySinceMs = null;
    this.#attachedSinceMs = this.#clock.nowMs;
    this.#sentBytes = durableBytes;
    this.#saidEnd = false;
    this.#send();
  }

  /** The network breaks; the gateway learns it a little later. */
  drop(backAfterMs: number): void {
    if (this.#isAttaching) return;
    this.#break(backAfterMs);
  }

  get #isAttaching(): boolean {
    return this.#connection?.isAttached === false;
  }

  #break(backAfterMs: number): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#awaySinceMs ??= this.#clock.nowMs;
    if (connection !== null) this.#tell(connection, () => connection.gateway.gone(connection));
    this.#comeBack(backAfterMs);
  }

  /** Since when it is connected, as it believes. */
  get attachedSinceMs(): number | null {
    return this.#connection?.isAttached === true ? this.#attachedSinceMs : null;
  }

  /** The longest it was without a gateway, up to now. */
  get longestAwayMs(): number {
    const awayMs = this.#awaySinceMs === null ? 0 : this.#clock.nowMs - this.#awaySinceMs;
    return Math.max(this.#longestAwayMs, awayMs);
  }

  leave(): void {
    if (this.#isAttaching) return;
    this.hasLeft = true;
    this.#break(0);
  }

  #comeBack(afterMs = 200): void {
    this.#clock.after(afterMs, () => this.#connection === null && this.connect());
  }

  #speak(): void {
    this.#spokenBytes = Math.min(this.#audioBytes, this.#spokenBytes + SPOKEN_BYTES);
    this.#send();
    if (this.#spokenBytes < this.#audioBytes) this.#clock.after(SPEAK_EVERY_MS, () => this.#speak());
  }

  #send(): void {
    const connection = this.#connection;
    if (connection?.isAttached !== true) return;
    const [from, end] = [this.#sentBytes, this.#spokenBytes];
    this.#sentBytes = end;
    if (end > from) this.#tell(connection, () => connection.gateway.audio(connection, from, end));
    if (end < this.#audioBytes || this.#saidEnd) return;
    this.#saidEnd = true;
    this.#tell(connection, () => connection.gateway.end(connection));
  }

  /** On one connection nothing overtakes. */
  #tell({ gateway: { process } }: Connection, work: () => void): void {
    this.#clock.after(5, () => process.run(work));
  }
}
