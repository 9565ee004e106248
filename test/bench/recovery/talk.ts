/** A call in real time through the product's own client, with its own settings; notes when it was told what. */
import { setTimeout as pause } from 'node:timers/promises';
import { LiveClient } from '../../../workers/cli/live-client.ts';
import type { FinalMessage } from '../../../workers/cli/live-client.ts';
import { noise, undisturbed } from '../../harness/caller.ts';
import { byteAt, CHUNK_MS, heardByte } from '../speaker.ts';
import { lossesOf, wordsOf } from './losses.ts';
import type { Losses } from './losses.ts';

/** Nothing that this bench waits for takes so long. */
const LIMIT_MS = 60_000;

/** After which a partial counts: another worker has taken the session up, another gateway has, or nothing. */
export type Sign = 'started' | 'session' | null;

interface Wanted {
  readonly byte: number;
  sign: Sign;
  readonly resolve: (atMs: number) => void;
}

/** A final that was given with the partial of its last audio, and told later. */
interface TimedFinal {
  readonly sinceMs: number;
  readonly atMs: number;
}

export class Talk {
  readonly session: string;
  readonly #client: LiveClient;
  #chunks = 0;
  readonly #texts: string[] = [];
  /** When audio was heard that had not been heard before. */
  readonly #newsAtMs: number[] = [];
  readonly #partialAtMs = new Map<number, number>();
  readonly #timed: TimedFinal[] = [];
  #heardTo = 0;
  #speaking = true;
  #wanted: Wanted | null = null;
  #speech: Promise<void> = Promise.resolve();

  constructor(url: string, session: string) {
    this.session = session;
    this.#client = new LiveClient({ url, session });
    this.#client.on('partial', (message) => this.#heard(heardByte(message)));
    this.#client.on('final', (message) => this.#final(message));
    this.#client.on('started', () => this.#saw('started'));
    this.#client.on('session', () => this.#saw('session'));
    // What ends a call too early is told by its result.
    this.#client.on('error', () => undefined);
  }

  /** Connects, and speaks until {@link end}; resolves once it is heard. */
  async begin(): Promise<this> {
    const heard = this.news('started');
    this.#client.connect();
    this.#speech = this.#speak();
    this.#speech.catch(() => undefined);
    await heard;
    return this;
  }

  async #speak(): Promise<void> {
    const begunMs = performance.now();
    while (this.#speaking) {
      this.#client.send(this.#chunk(this.#chunks));
      this.#chunks += 1;
      await pause(Math.max(0, begunMs + this.#chunks * CHUNK_MS - performance.now()));
    }
  }

  /** Made anew when it is wanted: a long call's audio would fill the memory. */
  #chunk(index: number): Buffer {
    return noise(`${this.session}/${index}`, CHUNK_MS);
  }

  /** When audio is heard that was not heard by now, after the sign has been seen. */
  async news(sign: Sign): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#wanted = { byte: this.#heardTo, sign, resolve };
    const late = setTimeout(() => reject(new Error(`${this.session}: nothing within ${LIMIT_MS} ms`)), LIMIT_MS);
    this.#client.result.catch(reject);
    return promise.finally(() => clearTimeout(late));
  }

  #saw(sign: Sign): void {
    if (this.#wanted?.sign === sign) this.#wanted.sign = null;
  }

  #heard(byte: number): void {
    const atMs = performance.now();
    if (byte <= this.#heardTo) return;
    this.#heardTo = byte;
    this.#newsAtMs.push(atMs);
    this.#partialAtMs.set(byte, atMs);
    const wanted = this.#wanted;
    if (wanted === null || wanted.sign !== null || byte <= wanted.byte) return;
    this.#wanted = null;
    wanted.resolve(atMs);
  }

  #final({ text, endMs }: FinalMessage): void {
    this.#texts.push(text);
    const sinceMs = this.#partialAtMs.get(byteAt(endMs));
    if (sinceMs !== undefined) this.#timed.push({ sinceMs, atMs: performance.now() });
  }

  /** The longest time without news that reaches into [fromMs, toMs]. */
  longestGapMs(fromMs: number, toMs: number): number {
    const before = this.#newsAtMs.findLast((atMs) => atMs < fromMs) ?? fromMs;
    const times = [before, ...this.#newsAtMs.filter((atMs) => atMs >= fromMs && atMs <= toMs), toMs];
    return Math.max(...times.slice(1).map((atMs, i) => atMs - (times[i] ?? atMs)));
  }

  /** How late the latest final was of those that were due from `fromMs` on and have come. */
  latestFinalMs(fromMs: number): number {
    return Math.max(0, ...this.#timed.filter(({ sinceMs }) => sinceMs >= fromMs).map((at) => at.atMs - at.sinceMs));
  }

  /** Until a final has come that was due after `fromMs`: every earlier one has come too. Answers when the first came. */
  async finalDueAfter(fromMs: number): Promise<number> {
    for (const untilMs = performance.now() + LIMIT_MS; performance.now() < untilMs;) {
      const found = this.#timed.find(({ sinceMs }) => sinceMs > fromMs);
      if (found !== undefined) return found.atMs;
      await pause(20);
    }
    throw new Error(`${this.session}: no final within ${LIMIT_MS} ms`);
  }

  /** Says no more and waits for the end of the session. */
  async end(): Promise<void> {
    this.#speaking = false;
    await this.#speech;
    this.#client.end();
    const late = pause(LIMIT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${this.session} did not end within ${LIMIT_MS} ms`);
    });
    await Promise.race([this.#client.result, late]);
  }

  /** Of what was told and of what is kept, the worse. @param kept texts of the stored transcript. */
  async losses(kept: readonly string[], segmentMs: number): Promise<Losses> {
    const said = Buffer.concat(Array.from({ length: this.#chunks }, (_, i) => this.#chunk(i)));
    const wanted = wordsOf(await undisturbed(said, segmentMs));
    const [told, stored] = [this.#texts, kept].map((texts) => lossesOf(wanted, wordsOf(texts)));
    return {
      lost: Math.max(told?.lost ?? 0, stored?.lost ?? 0),
      repeated: Math.max(told?.repeated ?? 0, stored?.repeated ?? 0),
    };
  }
}
