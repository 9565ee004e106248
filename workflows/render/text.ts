/** Text as it stands on a line. */
import type { Segment } from '../contract.ts';

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

/** Whether channels were transcribed apart: each line of text says its own then. */
export const hasChannels = (segments: readonly Segment[]): boolean => segments.some(({ channel }) => channel > 0);

export const channelMark = (channel: number): string => `[Channel ${channel}] `;

/** A line for each segment. */
export function renderText(segments: readonly Segment[]): string {
  const mark = hasChannels(segments) ? channelMark : () => '';
  return segments.map(({ text, channel }) => `${mark(channel)}${oneLine(text)}\n`).join('');
}
