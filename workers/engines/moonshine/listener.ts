import type { RecogniserEvent } from '../engine.ts';
import { BYTES_PER_MS } from '../limits.ts';
import { type Cut, type Cutter, PADDING } from './cutter.ts';
import { FileCutter } from './file-cutter.ts';
import { LiveCutter } from './live-cutter.ts';
import { SampleBuffer } from './sample-buffer.ts';
import { RATE, WINDOW } from './voice.ts';
import { spreadWords, VoicedSpans } from './word-times.ts';

/** Says of each window of 512 samples, in order, whether there is speech in it. */
interface Ear {
  hears(window: Float32Array): boolean;
}

interface ListenerOptions {
  readonly fromByte: number;
  readonly mode: 'live' | 'file';
  readonly ear: Ear;
  readonly emit: (event: RecogniserEvent) => void;
}

/** Something to be recognised; `sinceMs` is when it became known. */
export interface Job {
  readonly cut: Cut;
  readonly sinceMs: number;
}

/** 500 ms: audio is taken in so much at a time, so that no session holds up the others. */
const SLICE_BYTES = 500 * BYTES_PER_MS;
/** A session that has more audio than this before it is catching up, and shows no partials. */
const CATCHING_UP_BYTES = 2000 * BYTES_PER_MS;
/** Finals that may wait for recognition before a session takes in no more audio. */
const MAX_WAITING_FINALS = { live: 3, file: 2 } as const;
/** Enough for the finals that may wait, an utterance and what is not yet forgotten. */
const MAX_HELD_SAMPLES = 64 * RATE;

/** So much voice, in samples, is speech. */
const MIN_SPEECH = RATE;

const toMs = (sample: number): number => Math.round((sample * 1000) / RATE);

/** One recogniser inside the recognition thread: takes in audio, asks for stretches to be recognised, tells the results. */
export class Listener {
  readonly mode: 'live' | 'file';
  private readonly ear: Ear;
  private readonly emit: (event: RecogniserEvent) => void;
  private readonly buffer: SampleBuffer;
  private readonly cutter: Cutter;
  private readonly spans = new VoicedSpans();
  private inbox: (Uint8Array | 'finalize' | 'finish')[] = [];
  private inboxBytes = 0;
  /** Samples that the ear has heard, in whole windows. */
  private heard: number;
  /** Oldest first; the first one stays until its text is known. */
  private finals: Job[] = [];
  private hypothesis: Job | null = null;
  private speculated: { readonly cut: Cut; readonly text: string } | null = null;
  private state: 'open' | 'finishing' | 'finished' = 'open';

  constructor({ fromByte, mode, ear, emit }: ListenerOptions) {
    const from = fromByte / 2;
    this.mode = mode;
    this.ear = ear;
    this.emit = emit;
    this.heard = from;
    this.buffer = new SampleBuffer(from, MAX_HELD_SAMPLES);
    const quietest = (a: number, b: number): number => this.buffer.quietest(a, b);
    this.cutter = mode === 'live' ? new LiveCutter(from, quietest) : new FileCutter(from, quietest);
  }

  give(input: Uint8Array | 'finalize' | 'finish'): void {
    this.inbox.push(input);
    if (typeof input !== 'string') this.inboxBytes += input.length;
  }

  /** Takes in up to half a second of audio; answers whether there is more that it could take in now. */
  listen(nowMs: number): boolean {
    const input = this.canListen() ? this.takeInput() : undefined;
    if (input === undefined) return false;
    if (input === 'finalize') this.ask(this.cutter.flush(this.buffer.end), nowMs);
    else if (input === 'finish') this.hearTheLast(nowMs);
    else this.hear(input, nowMs);
    this.forget();
    return this.canListen();
  }

  /** The oldest final that waits for its text. */
  get waitingFinal(): Job | null {
    return this.finals[0] ?? null;
  }

  /** The newest hypothesis that is asked for; it is superseded by later ones. */
  get waitingHypothesis(): Job | null {
    return this.hypothesis;
  }

  /** The samples of a job, padded as the model wants them. */
  samplesOf({ cut }: Job): Float32Array {
    if (this.hypothesis?.cut === cut) this.hypothesis = null;
    return this.buffer.slice(cut.from, cut.to, PADDING);
  }

  /** Takes the text recognised for a job and tells it. */
  deliver({ cut }: Job, text: string): void {
    if (cut.kind === 'final') {
      this.finals.shift();
      this.tellFinal(cut, text);
    } else {
      if (cut.kind === 'speculation') this.speculated = { cut, text };
      this.tellPartial(cut, text);
    }
    this.settle();
  }

  report(): void {
    if (this.state === 'finished') return;
    const consumed = this.buffer.end;
    const settled = this.state === 'finishing' ? (this.finals[0]?.cut.from ?? consumed) : this.settled();
    this.emit({ type: 'progress', consumedByte: consumed * 2, settledByte: settled * 2 });
  }

  private canListen(): boolean {
    return this.inbox.length > 0 && this.finals.length < MAX_WAITING_FINALS[this.mode];
  }

  private takeInput(): Uint8Array | 'finalize' | 'finish' | undefined {
    const input = this.inbox[0];
    if (input === undefined || typeof input === 'string') return this.inbox.shift();
    const slice = input.subarray(0, SLICE_BYTES);
    if (input.length > SLICE_BYTES) this.inbox[0] = input.subarray(SLICE_BYTES);
    else this.inbox.shift();
    this.inboxBytes -= slice.length;
    return slice;
  }

  private hear(bytes: Uint8Array, nowMs: number): void {
    this.buffer.append(bytes);
    for (; this.heard + WINDOW <= this.buffer.end; this.heard += WINDOW) {
      this.hearWindow(this.buffer.slice(this.heard, this.heard + WINDOW, 0), this.heard + WINDOW, nowMs);
    }
  }

  private hearTheLast(nowMs: number): void {
    const rest = this.buffer.end - this.heard;
    if (rest > 0) {
      this.hearWindow(this.buffer.slice(this.heard, this.buffer.end, WINDOW - rest), this.buffer.end, nowMs);
    }
    this.ask(this.cutter.flush(this.buffer.end), nowMs);
    this.heard = this.buffer.end;
    this.state = 'finishing';
    this.settle();
  }

  private hearWindow(samples: Float32Array, end: number, nowMs: number): void {
    const voiced = this.ear.hears(samples);
    this.spans.window(end, voiced);
    this.ask(this.cutter.window(end, voiced), nowMs);
  }

  private ask(cut: Cut | null, nowMs: number): void {
    if (cut === null) return;
    const job = { cut, sinceMs: nowMs };
    if (cut.kind === 'final') {
      this.finals.push(job);
      this.hypothesis = null;
      this.settle();
    } else if (this.inboxBytes <= CATCHING_UP_BYTES) this.hypothesis = job;
  }

  /** Tells what needs no (further) recognition: a final that was speculated on, and the end. */
  private settle(): void {
    const first = this.finals[0];
    const known = this.speculated;
    if (first !== undefined && known?.cut.from === first.cut.from && known.cut.to === first.cut.to) {
      this.speculated = null;
      this.deliver(first, known.text);
      return;
    }
    if (this.state !== 'finishing' || first !== undefined) return;
    this.report();
    this.state = 'finished';
    this.emit({ type: 'finished' });
  }

  private tellFinal({ from, to }: Cut, text: string): void {
    const words = spreadWords(text, this.spans.within(from, to));
    const first = words[0];
    const last = words.at(-1);
    if (first === undefined || last === undefined) {
      this.tellUnheard(from, to);
      return;
    }
    const place = { startMs: first.startMs, endMs: last.endMs, startByte: from * 2, endByte: to * 2 };
    this.emit({ type: 'final', text: text.trim(), words, timing: 'estimated', ...place });
  }

  /** A cough or a click is no speech; more than that without text is. */
  private tellUnheard(from: number, to: number): void {
    if (this.spans.voiced(from, to) >= MIN_SPEECH) this.emit({ type: 'unheard', startByte: from * 2, endByte: to * 2 });
  }

  private tellPartial({ from, to }: Cut, text: string): void {
    if (text.trim() !== '') this.emit({ type: 'partial', text: text.trim(), startMs: toMs(from), endMs: toMs(to) });
  }

  private settled(): number {
    return this.finals[0]?.cut.from ?? this.cutter.settled;
  }

  private forget(): void {
    this.buffer.forget(Math.min(this.settled(), this.heard));
    this.spans.forget(this.settled());
  }
}
