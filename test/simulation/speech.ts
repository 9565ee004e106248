/** What is spoken and what a recogniser makes of it: a letter for each byte, nothing for a byte of silence. */
import type { Clock } from './clock.ts';

/** A final ends at each multiple of so many bytes. */
export const SEGMENT_BYTES = 8;

const SILENCE = ' ';

/** So many bytes of audio, with stretches of silence. */
export function speak(clock: Clock, bytes: number): string {
  let audio = '';
  while (audio.length < bytes) {
    const stretch = clock.between(4, 30);
    audio += clock.chance(0.25) ? SILENCE.repeat(stretch) : lettersOf(clock, stretch);
  }
  return audio.slice(0, bytes);
}

const lettersOf = (clock: Clock, count: number): string =>
  Array.from({ length: count }, () => String.fromCharCode(97 + clock.between(0, 25))).join('');

/** The transcript of a stretch, wherever it is cut. */
export const transcribe = (audio: string): string => audio.replaceAll(SILENCE, '');
