import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Engine, FinalResult, Recogniser, RecogniserEvent, RecogniserOptions } from './engine.ts';
import { BYTES_PER_MS, MAX_AHEAD_BYTES, PROGRESS_MS } from './limits.ts';
import { checkFromByte, SamplePairs } from './sample-pairs.ts';
import { BusyDesk } from './scripted-desk.ts';

/**
 * The stand-in for tests and benchmarks. Its finals are a pure function of the audio's bytes and their place in the log:
 * one for each stretch between multiples of `segmentMs`, with words made from the hash of that stretch. So a byte that is
 * lost, repeated or altered changes the transcript, and a recogniser started at any final's `endByte` goes on byte for byte.
 */
export interface ScriptedOptions {
  /** A final ends at each multiple of this, in milliseconds of the session's audio. */
  readonly segmentMs: number;
  /** Audio takes this share of its length, one stretch at a time over all recognisers; 0: none. */
  readonly realTimeFactor: number;
  /** When this file exists every recogniser fails, within {@link PROGRESS_MS}. */
  readonly failFile: string | null;
  /** Live recognisers make no text of finals that begin in this stretch of the session, [from, to) in milliseconds. */
  readonly unheardMs?: readonly [number, number] | null;
  /** Live recognisers fail when they are given audio of this stretch. */
  readonly poisonMs?: readonly [number, number] | null;
}

/** Whether a byte of the log lies in a stretch of [from, to) milliseconds. */
const isIn = (byte: number, stretch: readonly [number, number] | null | undefined): boolean =>
  stretch != null && byte >= stretch[0] * BYTES_PER_MS && byte < stretch[1] * BYTES_PER_MS;

type Emit = (event: RecogniserEvent) => void;
type Order = Uint8Array | 'finalize' | 'finish';

/** Opens a scripted engine; there is nothing to load. */
export function openScriptedEngine(options: ScriptedOptions): Engine {
  const open = new Set<ScriptedRecogniser>();
  const desk = options.realTimeFactor > 0 ? new BusyDesk(options.realTimeFactor) : null;
  return {
    open: (recogniserOptions, onEvent) => {
      const recogniser = new ScriptedRecogniser(options, recogniserOptions, desk, onEvent, () =>
        open.delete(recogniser),
      );
      open.add(recogniser);
      return recogniser;
    },
    close: () => {
      for (const recogniser of open) recogniser.close();
      desk?.close();
      return Promise.resolve();
    },
  };
}

class ScriptedRecogniser implements Recogniser {
  private readonly segmentBytes: number;
  private readonly options: ScriptedOptions;
  private readonly desk: BusyDesk | null;
  private readonly live: boolean;
  private readonly emit: Emit;
  private readonly onClose: () => void;
  private readonly pairs = new SamplePairs();
  private readonly timer: NodeJS.Timeout;
  private outbox: RecogniserEvent[] = [];
  private hash = createHash('sha256');
  private startByte: number;
  private atByte: number;
  private givenByte: number;
  private state: 'open' | 'finishing' | 'over' | 'closed' = 'open';

  constructor(
    options: ScriptedOptions,
    { fromByte, mode }: RecogniserOptions,
    desk: BusyDesk | null,
    emit: Emit,
    onClose: () => void,
  ) {
    checkFromByte(fromByte);
    this.segmentBytes = options.segmentMs * BYTES_PER_MS;
    this.options = options;
    this.live = mode === 'live';
    this.desk = desk;
    this.emit = emit;
    this.onClose = onClose;
    this.startByte = this.atByte = this.givenByte = fromByte;
    this.timer = setInterval(() => this.report(), PROGRESS_MS).unref();
  }

  accept(audio: Uint8Array): void {
    if (this.state === 'finishing') throw new Error('accept after finish: a recogniser takes no more audio');
    if (this.state !== 'open') return;
    const samples = this.pairs.take(audio);
    this.givenByte += samples.length;
    if (this.givenByte - this.atByte > MAX_AHEAD_BYTES) {
      this.fail(`more than ${MAX_AHEAD_BYTES} bytes were given ahead of what is consumed`);
      return;
    }
    this.order(samples);
  }

  finalize(): void {
    if (this.state === 'open') this.order('finalize');
  }

  finish(): void {
    if (this.state !== 'open') return;
    this.state = 'finishing';
    this.order('finish');
  }

  close(): void {
    this.rest();
    this.state = 'closed';
  }

  /** Does one thing of the recogniser's inbox; the desk calls it once its time has passed. */
  perform(order: Order): void {
    if (this.state === 'closed' || this.state === 'over') return;
    if (order === 'finalize') this.makeFinal();
    else if (order === 'finish') this.end();
    else this.consume(order);
  }

  private order(order: Order): void {
    if (this.desk === null) this.perform(order);
    else this.desk.enqueue(this, typeof order === 'string' ? order : order.slice());
  }

  private consume(samples: Uint8Array): void {
    if (this.live && isIn(this.atByte, this.options.poisonMs)) {
      this.fail('told to fail at this audio');
      return;
    }
    let rest = samples;
    for (;;) {
      const room = this.segmentBytes - (this.atByte % this.segmentBytes);
      const part = rest.length <= room ? rest : rest.subarray(0, room);
      this.hash.update(part);
      this.atByte += part.length;
      if (part.length === room) this.makeFinal();
      if (part.length === rest.length) break;
      rest = rest.subarray(room);
    }
    if (this.live && samples.length > 0) this.sendPartial();
  }

  private sendPartial(): void {
    this.send({
      type: 'partial',
      text: PARTIAL_TEXT + String(this.atByte),
      startMs: Math.floor(this.startByte / BYTES_PER_MS),
      endMs: Math.floor(this.atByte / BYTES_PER_MS),
    });
  }

  private makeFinal(): void {
    if (this.atByte === this.startByte) return;
    this.hash.update(`@${this.startByte}`);
    const { startByte, atByte: endByte } = this;
    if (this.live && isIn(startByte, this.options.unheardMs)) this.send({ type: 'unheard', startByte, endByte });
    else this.send({ type: 'final', ...finalOf(this.hash.digest(), startByte, endByte) });
    this.hash = createHash('sha256');
    this.startByte = this.atByte;
  }

  private end(): void {
    this.makeFinal();
    this.send({ type: 'progress', consumedByte: this.atByte, settledByte: this.startByte });
    this.send({ type: 'finished' });
    this.rest();
  }

  private report(): void {
    if (this.options.failFile !== null && existsSync(this.options.failFile)) {
      this.fail(`told to fail by ${this.options.failFile}`);
      return;
    }
    this.send({ type: 'progress', consumedByte: this.atByte, settledByte: this.startByte });
  }

  private fail(detail: string): void {
    this.send({ type: 'failed', detail });
    this.rest();
  }

  /** Nothing more comes of this recogniser, save what is in the outbox. */
  private rest(): void {
    this.state = 'over';
    clearInterval(this.timer);
    this.desk?.leave(this);
    this.onClose();
  }

  /** All events of one call go out together, in order, after the call. */
  private send(event: RecogniserEvent): void {
    if (this.outbox.push(event) > 1) return;
    queueMicrotask(() => {
      const events = this.outbox;
      this.outbox = [];
      for (const each of events) if (this.state !== 'closed') this.emit(each);
    });
  }
}

/** Partials are of a usual length (about 100 bytes) and end with the byte offset the recogniser has consumed. */
const PARTIAL_TEXT = 'this partial stands for a hypothesis of usual length and says what was heard up to byte ';

/** Where a scripted partial says the recogniser is: the absolute byte offset at its end. */
export const partialByte = (text: string): number => Number(text.slice(text.lastIndexOf(' ') + 1));

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aeiou';
const WORDS = 3;
const SYLLABLES = 3;

const word = (digest: Uint8Array, index: number): string => {
  const syllables = digest.subarray(index * SYLLABLES, (index + 1) * SYLLABLES);
  return Array.from(syllables, (byte) => `${CONSONANTS.charAt(byte & 15)}${VOWELS.charAt((byte >> 4) % 5)}`).join('');
};

function finalOf(digest: Uint8Array, startByte: number, endByte: number): FinalResult {
  const at = (share: number): number => Math.round((startByte + (endByte - startByte) * share) / BYTES_PER_MS);
  const words = Array.from({ length: WORDS }, (_, index) => ({
    text: word(digest, index),
    startMs: at(index / WORDS),
    endMs: at((index + 1) / WORDS),
  }));
  const text = words.map((each) => each.text).join(' ');
  return { text, startMs: at(0), endMs: at(1), words, timing: 'estimated', startByte, endByte };
}
