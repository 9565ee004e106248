/** N callers side by side in a process of their own; says what they measured. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerMessage } from '../../gateway/protocol.ts';
import { byteAt, CHUNK_BYTES, CHUNK_MS, heardByte, Speaker } from './speaker.ts';

export interface LoadOptions {
  /** Address without a query. */
  readonly url: string;
  readonly sessions: number;
  /** The callers begin to speak one after the other, spread over this time, so that their finals are spread too. */
  readonly spreadMs: number;
  /** After the last caller has begun. */
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** Latencies in milliseconds, of what was sent (finals: given) in the measured time. */
export interface LoadResult {
  /** A chunk handed to the socket → its partial parsed. */
  readonly partials: number[];
  /** The partial of a segment's last chunk parsed → its final parsed: the recogniser gives both at once. */
  readonly finals: number[];
  /** Chunks of the measured time that no partial answered. */
  readonly unanswered: number;
  /** Until all callers were connected, four at a time. */
  readonly connectMs: number;
}

/** Phases within a chunk's 100 ms spread evenly for any number of callers (golden ratio sequence). */
const phaseMs = (index: number): number => ((index * 0.618_033_988_75) % 1) * CHUNK_MS;

class Meter {
  readonly #audio: Buffer;
  readonly #partialAtMs = new Map<number, number>();
  readonly #finals: { readonly sinceMs: number; readonly atMs: number }[] = [];
  #speaker: Speaker | null = null;

  constructor(audio: Buffer) {
    this.#audio = audio;
  }

  get speaker(): Speaker {
    if (this.#speaker === null) throw new Error('not connected');
    return this.#speaker;
  }

  async connect(url: string): Promise<void> {
    const heard = (message: ServerMessage, atMs: number) => this.#note(message, atMs);
    this.#speaker = new Speaker({ url, audio: this.#audio, heard });
    await this.#speaker.ready;
  }

  #note(message: ServerMessage, atMs: number): void {
    if (message.type === 'partial') this.#partialAtMs.set(heardByte(message), atMs);
    if (message.type !== 'final') return;
    const sinceMs = this.#partialAtMs.get(byteAt(message.endMs));
    if (sinceMs !== undefined) this.#finals.push({ sinceMs, atMs });
  }

  /** What lies in [fromMs, toMs). */
  result(fromMs: number, toMs: number): Omit<LoadResult, 'connectMs'> {
    const within = (atMs: number): boolean => atMs >= fromMs && atMs < toMs;
    const partials: number[] = [];
    let unanswered = 0;
    for (let byte = CHUNK_BYTES; byte <= this.speaker.sentBytes; byte += CHUNK_BYTES) {
      const sentMs = this.speaker.sentAtMs(byte);
      if (!within(sentMs)) continue;
      const atMs = this.#partialAtMs.get(byte);
      if (atMs === undefined) unanswered += 1;
      else partials.push(atMs - sentMs);
    }
    const finals = this.#finals.filter(({ sinceMs }) => within(sinceMs)).map(({ sinceMs, atMs }) => atMs - sinceMs);
    return { partials, finals, unanswered };
  }
}

/** So many callers connect, or end, at the same time: how fast sessions open is not what is measured here. */
const SIDE_BY_SIDE = 4;

/** Does the work for all, a few at a time. */
async function forAll(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
}

async function run({ url, sessions, spreadMs, warmUpMs, measureMs }: LoadOptions): Promise<LoadResult> {
  const audio = Buffer.alloc(CHUNK_BYTES, 'audio of a caller');
  const meters = Array.from({ length: sessions }, () => new Meter(audio));
  const connectingMs = performance.now();
  await forAll(sessions, (i) => meters[i]?.connect(`${url}?session=load-${randomUUID()}`) ?? Promise.resolve());
  const connectMs = performance.now() - connectingMs;
  const speakFrom = async (meter: Meter, i: number): Promise<void> => {
    await pause((i * spreadMs) / sessions + phaseMs(i));
    meter.speaker.speak();
  };
  await Promise.all(meters.map(speakFrom));
  await pause(warmUpMs);
  const fromMs = performance.now();
  await pause(measureMs);
  const toMs = performance.now();
  // The last chunks are answered before the callers end.
  await pause(500);
  for (const { speaker } of meters) speaker.pause();
  await forAll(sessions, (i) => meters[i]?.speaker.end() ?? Promise.resolve());
  const results = meters.map((meter) => meter.result(fromMs, toMs));
  return {
    partials: results.flatMap(({ partials }) => partials),
    finals: results.flatMap(({ finals }) => finals),
    connectMs,
    unanswered: results.reduce((sum, { unanswered }) => sum + unanswered, 0),
  };
}

process.on('disconnect', () => process.exit(1));
const result = await run(JSON.parse(process.argv[2] ?? '{}') as LoadOptions);
process.send?.(result, () => process.exit(0));
