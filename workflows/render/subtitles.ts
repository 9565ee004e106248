/** SubRip and WebVTT. */
import type { Segment } from '../contract.ts';
import { cuesOf } from './cues.ts';
import type { Cue } from './cues.ts';
import { channelMark, hasChannels } from './text.ts';

/**
 * SubRip has no escapes: only what would end the cue or read as its time line is changed. Where there is more than one
 * channel each cue begins with its own.
 */
export function renderSrt(segments: readonly Segment[]): string {
  const hasVoices = hasChannels(segments);
  const cue = ({ startMs, endMs, channel, lines }: Cue, index: number): string => {
    const text = `${hasVoices ? channelMark(channel) : ''}${lines.join('\n').replaceAll('-->', '→')}`;
    return `${index + 1}\n${time(startMs, ',')} --> ${time(endMs, ',')}\n${text}\n`;
  };
  return cuesOf(segments).map(cue).join('\n');
}

/**
 * https://www.w3.org/TR/webvtt1/#webvtt-cue-text: `&` and `<` are escaped, and `>` so that no `-->` can stand. Where there
 * is more than one channel each cue says whose voice it is.
 */
export function renderVtt(segments: readonly Segment[]): string {
  const hasVoices = hasChannels(segments);
  const cue = ({ startMs, endMs, channel, lines }: Cue): string => {
    const voice = hasVoices ? `<v Channel ${channel}>` : '';
    return `${time(startMs, '.')} --> ${time(endMs, '.')}\n${voice}${lines.map(escapeVtt).join('\n')}\n`;
  };
  return ['WEBVTT\n', ...cuesOf(segments).map(cue)].join('\n');
}

const escapeVtt = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** HH:MM:SS and milliseconds; hours grow past two digits. */
function time(ms: number, mark: ',' | '.'): string {
  const whole = Math.max(0, Math.round(ms));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const clock = [two(whole / 3_600_000), two((whole / 60_000) % 60), two((whole / 1000) % 60)].join(':');
  return `${clock}${mark}${String(whole % 1000).padStart(3, '0')}`;
}
