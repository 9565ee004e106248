/** A caller: speaks a recording in (scaled) real time through the product's own client, and keeps what it is told. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LiveClient } from '../../workers/cli/live-client.ts';
import type { DoneMessage, FinalMessage, LiveClientOptions, LiveEvents } from '../../workers/cli/live-client.ts';
import { openScriptedEngine } from '../../workers/engines/scripted.ts';

const BYTES_PER_MS = 32;

/** Audio that is the same for the same seed, and nowhere repeats itself. */
export function noise(seed: string, ms: number): Buffer {
  const blocks: Buffer[] = [];
  for (let at = 0; at < ms; at += 1) blocks.push(createHash('sha256').update(`${seed}/${at}`).digest());
  return Buffer.concat(blocks);
}

/** What the scripted engine makes of the audio when nothing disturbs it. */
export async function undisturbed(audio: Buffer, segmentMs: number): Promise<string[]> {
  const engine = openScriptedEngine({ segmentMs, realTimeFactor: 0, failFile: null });
  const texts: string[] = [];
  await new Promise<void>((resolve) => {
    const recogniser = engine.open({ fromByte: 0, mode: 'live', language: 'en' }, (event) => {
      if (event.type === 'final') texts.push(event.text);
      if (event.type === 'finished') resolve();
    });
    recogniser.accept(audio);
    recogniser.finish();
  });
  await engine.close();
  return texts;
}

export interface CallOptions extends Partial<LiveClientOptions> {
  readonly audio: Buffer;
  readonly chunkMs?: number;
  /** Times real time. */
  readonly speed?: number;
}

export class Caller {
  readonly client: LiveClient;
  readonly finals: FinalMessage[] = [];
  readonly acks: number[] = [];
  reconnects = 0;
  started = 0;
  partials = 0;
  queued: LiveEvents['queued'][0][] = [];
  /** Codes with which its connections were closed, but for the last one. */
  readonly closes: number[] = [];
  /** Why, as far as it was told. */
  readonly reasons: string[] = [];
  /** How long each connection waited for `session`, or for being closed before it. */
  readonly answerMs: number[] = [];
  /** When the connection that is not answered yet was begun. */
  #askedAtMs: number | null = null;
  readonly #options: CallOptions;

  constructor(url: string, options: CallOptions) {
    this.#options = options;
    this.client = new LiveClient({ url, pauseMs: 50, maxPauseMs: 500, giveUpAfterMs: 60_000, ...options });
    this.client.on('final', (message) => this.finals.push(message));
    this.client.on('partial', () => (this.partials += 1));
    this.client.on('ack', ({ durableBytes }) => this.acks.push(durableBytes));
    this.client.on('started', () => (this.started += 1));
    this.client.on('queued', (message) => this.queued.push(message));
    this.client.on('reconnecting', ({ code, why, inMs }) => {
      this.reconnects += 1;
      this.closes.push(code);
      this.reasons.push(why);
      this.#answered();
      this.#askedAtMs = performance.now() + inMs;
    });
    this.client.on('session', () => this.#answered());
    this.client.on('error', () => this.#answered());
  }

  /** Connects and begins to speak; the audio goes on in the background. */
  async call(): Promise<this> {
    this.#askedAtMs = performance.now();
    this.client.connect();
    await this.next('session');
    void this.#speak();
    return this;
  }

  /** The next event of a kind, or the error that ended the call. */
  next<E extends keyof LiveEvents>(event: E, test: (...args: LiveEvents[E]) => boolean = () => true): Promise<void> {
    return new Promise((resolve, reject) => {
      const off = (): void => {
        this.client.off(event, listen as never);
        this.client.off('error', reject);
      };
      const listen = (...args: LiveEvents[E]): void => {
        if (!test(...args)) return;
        off();
        resolve();
      };
      this.client.on(event, listen as never);
      this.client.on('error', reject);
    });
  }

  /** Until the final of this index, and then the next partial: the middle of a sentence. */
  async midSentenceAfter(index: number): Promise<void> {
    if (this.finals.length <= index) await this.next('final', (message) => message.index === index);
    await this.next('partial');
  }

  done(): Promise<DoneMessage> {
    return this.client.result;
  }

  #answered(): void {
    if (this.#askedAtMs !== null) this.answerMs.push(performance.now() - this.#askedAtMs);
    this.#askedAtMs = null;
  }

  async #speak(): Promise<void> {
    const { audio, chunkMs = 50, speed = 2 } = this.#options;
    const chunkBytes = chunkMs * BYTES_PER_MS;
    const begunMs = performance.now();
    for (let at = 0; at < audio.length; at += chunkBytes) {
      this.client.send(audio.subarray(at, at + chunkBytes));
      const dueMs = begunMs + (at + chunkBytes) / BYTES_PER_MS / speed;
      await pause(Math.max(0, dueMs - performance.now()));
    }
    this.client.end();
  }
}
