/** A caller: speaks a recording in (scaled) real time through the product's own client, and keeps what it is told. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { AudioLog } from '../../infra/audio-log.ts';
import { readConfig } from '../../infra/config.ts';
import { openObjects } from '../../infra/objects/open.ts';
import type { ObjectStore } from '../../infra/objects/port.ts';
import { LiveClient } from '../../workers/cli/live-client.ts';
import type { DoneMessage, FinalMessage, LiveClientOptions, LiveEvents } from '../../workers/cli/live-client.ts';
import { openScriptedEngine } from '../../workers/engines/scripted.ts';
import { objectKeys } from '../../workflows/contract.ts';
import type { System } from './system.ts';

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
  readonly #options: CallOptions;

  constructor(url: string, options: CallOptions) {
    this.#options = options;
    this.client = new LiveClient({ url, pauseMs: 50, maxPauseMs: 500, ...options });
    this.client.on('final', (message) => this.finals.push(message));
    this.client.on('partial', () => (this.partials += 1));
    this.client.on('ack', ({ durableBytes }) => this.acks.push(durableBytes));
    this.client.on('started', () => (this.started += 1));
    this.client.on('queued', (message) => this.queued.push(message));
    this.client.on('reconnecting', () => (this.reconnects += 1));
    this.client.on('error', () => undefined);
  }

  /** Connects and begins to speak; the audio goes on in the background. */
  async call(): Promise<this> {
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

/** The invariants of faults.md that a call must satisfy, whatever happened meanwhile; texts as in the undisturbed run. */
export async function expectWhole(system: System, caller: Caller, audio: Buffer, segmentMs: number): Promise<void> {
  expect(caller.finals.map(({ text }) => text)).toEqual(await undisturbed(audio, segmentMs));
  await expectCovered(system, caller, audio);
}

/** Finals in order, each once, their times monotone; the audio stored; every byte of it in a committed segment. */
export async function expectCovered(system: System, caller: Caller, audio: Buffer): Promise<void> {
  expect(caller.finals.map(({ index }) => index)).toEqual(caller.finals.map((_final, index) => index));
  const times = caller.finals.flatMap(({ startMs, endMs }) => [startMs, endMs]);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(caller.acks).toEqual([...caller.acks].sort((a, b) => a - b));
  expect((await storedAudio(system, caller.client.session)).equals(audio)).toBe(true);
  const { segments } = (await system.json(`/v1/sessions/${caller.client.session}/transcript`)) as {
    segments: { text: string; startByte: number; endByte: number }[];
  };
  expect(segments.map(({ text }) => text)).toEqual(caller.finals.map(({ text }) => text));
  const ends = segments.map(({ endByte }) => endByte);
  expect(segments.map(({ startByte }) => startByte)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBe(audio.length);
}

async function storedAudio(system: System, id: string): Promise<Buffer> {
  const objects = await openObjects(readConfig({ ...system.settings }));
  try {
    return await readLog(objects, id, 0);
  } finally {
    objects.close();
  }
}

/** A session's stored audio from a byte on, as a process sees it that knows nothing yet. */
async function readLog(objects: ObjectStore, id: string, fromByte: number): Promise<Buffer> {
  const log = new AudioLog(objects);
  return Buffer.concat(await Array.fromAsync(log.read(objectKeys.audio({ tenant: 'default', id }), fromByte)));
}

/**
 * Looks into storage at every acknowledgement, while whatever happens happens: what is acknowledged is there, byte for
 * byte. @returns what was found so far; it fails where something was missing.
 */
export function watchAcknowledged(objects: ObjectStore, caller: Caller, audio: Buffer): () => Promise<number> {
  const looks: Promise<boolean>[] = [];
  let from = 0;
  caller.client.on('ack', ({ durableBytes }) => {
    const acknowledged = audio.subarray(from, durableBytes);
    const stored = readLog(objects, caller.client.session, from);
    looks.push(stored.then((bytes) => bytes.subarray(0, acknowledged.length).equals(acknowledged)));
    from = durableBytes;
  });
  return async () => {
    expect(await Promise.all(looks)).toEqual(looks.map(() => true));
    return looks.length;
  };
}
