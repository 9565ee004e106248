import type { Span } from '../workflows/contract.ts';

/** Loudness is measured over frames of 20 ms of the audio log (640 bytes): a cut lies between two frames. */
export const FRAME_BYTES = 640;
const SAMPLE_BYTES = 2;

/** A cut is looked for so far before and after its target, as a share of the span's length. */
const SEARCH = 0.25;
/** What is left is one span up to so many times its length, so that no short rest remains. */
const LONGEST = 1.5;
/** Mean square that always counts as silence: -60 dBFS. */
const SILENCE = 32.8 ** 2;
/** Silence is up to so many times as loud (in power) as the quietest 100 ms about: 6 dB. */
const ABOVE_FLOOR = 4;
const FLOOR_FRAMES = 5;
/** And it is so much below the mean of the search (in power): 10 dB. */
const BELOW_MEAN = 0.1;

/** Each span costs its workflow: a file of more has longer ones, where they need not be too long, */
const ENOUGH_SPANS = 24;
/** as many times as long as those of a short file. */
const LONGER = 5;
/** A file of more spans would make its workflow carry too much: they are longer, however long that is. */
const MAX_SPANS = 20_000;

/** How long the spans of a file are, in bytes of its audio log, where those of a short file have `leastBytes`. */
export const spanBytesFor = (totalBytes: number, leastBytes: number): number =>
  Math.max(leastBytes, Math.min(totalBytes / ENOUGH_SPANS, leastBytes * LONGER), totalBytes / MAX_SPANS);

/** Loudness of each frame of a stream of 16 kHz mono s16le, taken in while it passes by: 4 bytes for each 20 ms. */
export class LoudnessMeter {
  #levels = new Float32Array(4096);
  #frames = 0;
  #sum = 0;
  #samples = 0;

  /** Takes the next bytes: whole samples. */
  add(pcm: Uint8Array): void {
    const view = new DataView(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    for (let at = 0; at + 1 < pcm.byteLength; at += SAMPLE_BYTES) {
      const sample = view.getInt16(at, true);
      this.#sum += sample * sample;
      this.#samples += 1;
      if (this.#samples === FRAME_BYTES / SAMPLE_BYTES) this.#endFrame();
    }
  }

  /** Mean square of the samples of each full frame so far. */
  levels(): Float32Array {
    return this.#levels.subarray(0, this.#frames);
  }

  #endFrame(): void {
    if (this.#frames === this.#levels.length) {
      const larger = new Float32Array(this.#levels.length * 2);
      larger.set(this.#levels);
      this.#levels = larger;
    }
    this.#levels[this.#frames] = this.#sum / this.#samples;
    this.#frames += 1;
    this.#sum = 0;
    this.#samples = 0;
  }
}

/**
 * Cuts [0, totalBytes) at silences into spans of about `targetBytes`: around each target the middle of the longest quiet
 * stretch. The spans follow each other without gap or overlap, none is empty, each is at least half and at most one and
 * a half times the target (the last may be shorter), and all offsets are even. Frames without a level count as silent.
 */
export function cutSpans(levels: ArrayLike<number>, totalBytes: number, targetBytes: number): Span[] {
  if (totalBytes % SAMPLE_BYTES !== 0) throw new RangeError(`${totalBytes} bytes are not whole samples`);
  const target = Math.max(4, Math.round(targetBytes / FRAME_BYTES));
  const total = totalBytes / FRAME_BYTES;
  const cuts = [0];
  for (let start = 0; total - start > target * LONGEST;) {
    const around = { from: start + Math.ceil(target * (1 - SEARCH)), to: start + Math.floor(target * (1 + SEARCH)) };
    start = quietest(levels, around, start + target);
    cuts.push(start);
  }
  return cuts
    .map((cut, index) => ({ fromByte: cut * FRAME_BYTES, toByte: (cuts[index + 1] ?? total) * FRAME_BYTES }))
    .filter(({ fromByte, toByte }) => toByte > fromByte);
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/**
 * The middle of the longest quiet stretch of the range, of equally long ones the one nearest to `near`; where nothing is
 * quiet, the middle of the least loud 100 ms.
 */
function quietest(levels: ArrayLike<number>, range: Range, near: number): number {
  const level = (frame: number): number => levels[frame] ?? 0;
  const least = leastLoud(level, range, near);
  const loudest = Math.max(SILENCE, Math.min(least.level * ABOVE_FLOOR, meanOf(level, range) * BELOW_MEAN));
  let best = { middle: least.middle, length: 0 };
  let length = 0;
  for (let frame = range.from; frame <= range.to; frame += 1) {
    if (frame < range.to && level(frame) <= loudest) {
      length += 1;
      continue;
    }
    const middle = frame - Math.ceil(length / 2);
    const nearer = Math.abs(middle - near) < Math.abs(best.middle - near);
    if (length > best.length || (length === best.length && length > 0 && nearer)) best = { middle, length };
    length = 0;
  }
  return best.middle;
}

/** The 100 ms of the range whose mean level is lowest, of equal ones those nearest to `near`. */
function leastLoud(level: (frame: number) => number, range: Range, near: number): { level: number; middle: number } {
  const frames = Math.min(FLOOR_FRAMES, range.to - range.from);
  let best = { level: Infinity, middle: near };
  for (let at = range.from; at + frames <= range.to; at += 1) {
    const found = { level: meanOf(level, { from: at, to: at + frames }), middle: at + Math.floor(frames / 2) };
    const nearer = Math.abs(found.middle - near) < Math.abs(best.middle - near);
    if (found.level < best.level || (found.level === best.level && nearer)) best = found;
  }
  return best;
}

function meanOf(level: (frame: number) => number, { from, to }: Range): number {
  let sum = 0;
  for (let frame = from; frame < to; frame += 1) sum += level(frame);
  return sum / Math.max(1, to - from);
}
