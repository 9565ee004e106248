/** N callers with human speech, in a process of their own; says how late partials and finals came. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ServerMessage } from '../../gateway/protocol.ts';
import { readAllSpeech } from '../speech/speech.ts';
import { byteAt, CHUNK_BYTES, Speaker } from './speaker.ts';

export interface SpeechOptions {
  /** Address without a query. */
  readonly url: string;
  readonly sessions: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Silence after each recording. */
  readonly pauseMs: number;
}

/** Milliseconds from sending the last audio a result is about to having it, of what came in the measured time. */
export interface SpeechResult {
  readonly partials: number[];
  readonly finals: number[];
  /** Times a session was taken up again by a worker: the one it had was given up. */
  readonly moves: number;
}

class Ear {
  readonly speaker: Speaker;
  readonly partials: number[] = [];
  readonly finals: number[] = [];
  starts = 0;
  fromMs = Infinity;

  constructor(url: string, audio: Buffer, fromByte: number) {
    this.speaker = new Speaker({ url, audio, fromByte, heard: (message, atMs) => this.#hear(message, atMs) });
  }

  #hear(message: ServerMessage, atMs: number): void {
    if (message.type === 'started') this.starts += 1;
    if ((message.type !== 'partial' && message.type !== 'final') || atMs < this.fromMs) return;
    const lateMs = atMs - this.speaker.sentAtMs(byteAt(message.endMs));
    (message.type === 'final' ? this.finals : this.partials).push(lateMs);
  }
}

async function begin(url: string, audio: Buffer, share: number): Promise<Ear> {
  await pause(share * 2000);
  // Each caller is somewhere else in the text, at a chunk's start.
  const fromByte = Math.floor((share * audio.length) / CHUNK_BYTES) * CHUNK_BYTES;
  const ear = new Ear(`${url}?session=speech-${randomUUID()}`, audio, fromByte);
  await ear.speaker.ready;
  ear.speaker.speak();
  return ear;
}

async function run({ url, sessions, warmUpMs, measureMs, pauseMs }: SpeechOptions): Promise<SpeechResult> {
  const audio = Buffer.from((await readAllSpeech(pauseMs)).pcm);
  const whole = audio.subarray(0, audio.length - (audio.length % CHUNK_BYTES));
  const ears = await Promise.all(Array.from({ length: sessions }, (_, i) => begin(url, whole, i / sessions)));
  await pause(warmUpMs);
  for (const ear of ears) ear.fromMs = performance.now();
  await pause(measureMs);
  const result = {
    partials: ears.flatMap(({ partials }) => partials),
    finals: ears.flatMap(({ finals }) => finals),
    moves: ears.reduce((sum, { starts }) => sum + starts - 1, 0),
  };
  for (const ear of ears) ear.fromMs = Infinity;
  await Promise.all(ears.map(({ speaker }) => speaker.end()));
  return structuredClone(result);
}

process.on('disconnect', () => process.exit(1));
const result = await run(JSON.parse(process.argv[2] ?? '{}') as SpeechOptions);
process.send?.(result, () => process.exit(0));
