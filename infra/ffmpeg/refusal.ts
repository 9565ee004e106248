/** Why a file is not taken; each is a row of the failure table. */
export type RefusalReason = 'unsupported_audio' | 'empty_audio' | 'too_long';

/** What a decoder says of a file. `detail` is safe to show: no path, nothing of the decoder's own output. */
export type AudioVerdict =
  { readonly ok: true } | { readonly ok: false; readonly reason: RefusalReason; readonly detail: string };

export type Refusal = Extract<AudioVerdict, { ok: false }>;

/** The file is not taken, whoever tries; trying again does not help. */
export class AudioRefused extends Error {
  override name = 'AudioRefused';
  readonly reason: RefusalReason;
  readonly detail: string;

  constructor(refusal: Refusal) {
    super(`${refusal.reason}: ${refusal.detail}`);
    this.reason = refusal.reason;
    this.detail = refusal.detail;
  }
}

/** The decoder itself failed (killed, out of memory, not to be had): the file may be good. */
export class DecoderFailed extends Error {
  override name = 'DecoderFailed';
}

export const unsupported = (detail: string): Refusal => ({ ok: false, reason: 'unsupported_audio', detail });

export const emptyAudio = (detail: string): Refusal => ({ ok: false, reason: 'empty_audio', detail });

export const tooLong = (maxMs: number): Refusal => ({
  ok: false,
  reason: 'too_long',
  detail: `the audio is longer than ${duration(maxMs)}, the longest that is taken`,
});

const UNITS: readonly [number, string][] = [
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
];

function duration(ms: number): string {
  const [unitMs, name] = UNITS.find(([unit]) => ms >= unit && ms % unit === 0) ?? [1, 'ms'];
  return `${ms / unitMs} ${name}`;
}

/** How a run of ffmpeg ended. */
export interface FfmpegEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Bytes of 16 kHz mono s16le it gave. */
  readonly pcmBytes: number;
  /** Its log, or the beginning and the end of it. */
  readonly log: string;
}

/** ffmpeg's exit code when more than two thirds of the packets could not be decoded (`-max_error_rate`). */
const TOO_MANY_ERRORS = 69;

/** What the decoder takes for audio is only a little like it. */
export const isMisdetected = (log: string): boolean =>
  /^.*Format \S+ detected only with low score of \d+, misdetection possible/m.test(log);

/** Judges a run that was not cut short by us. Throws {@link DecoderFailed} when it tells nothing of the file. */
export function judge(end: FfmpegEnd): AudioVerdict {
  if (end.signal !== null) throw new DecoderFailed(`the decoder was ended by ${end.signal}`);
  if (isMisdetected(end.log)) {
    return unsupported('the file is not of a format that is known');
  }
  if (/Stream map '[^']*' matches no streams|does not contain any stream/.test(end.log)) {
    return unsupported('the file holds no audio');
  }
  if (end.exitCode === TOO_MANY_ERRORS) return unsupported('most of the audio in the file cannot be decoded');
  if (end.pcmBytes > 0) return { ok: true };
  if (end.exitCode === 0 && !/Invalid data found|Error while decoding/.test(end.log)) {
    return emptyAudio('the file holds no audio samples');
  }
  return unsupported('the file is not audio, is damaged, or is of a format that is not taken');
}

/** A length that small is a lie of the header: 4 kbit/s is below every speech codec. */
const LEAST_BYTES_PER_SECOND = 500;

/** The length that the file states in its header, in ms; null when it states none that can be believed. */
export function statedMs(log: string, fileBytes: number): number | null {
  const found = /^ {2}Duration: (\d+):(\d\d):(\d\d\.\d+)/m.exec(log);
  if (found === null || log.includes('Estimating duration from bitrate')) return null;
  const seconds = Number(found[1]) * 3600 + Number(found[2]) * 60 + Number(found[3]);
  return fileBytes / seconds < LEAST_BYTES_PER_SECOND ? null : seconds * 1000;
}
