/** Tab-separated values as OpenAI's whisper writes them: start and end in milliseconds, and the text. */
import type { Segment } from '../contract.ts';
import { oneLine } from './text.ts';

/** Three columns, a head; no cell holds a tab or a line feed. */
export function renderTsv(segments: readonly Segment[]): string {
  const row = ({ startMs, endMs, text }: Segment): string =>
    `${Math.round(startMs)}\t${Math.round(endMs)}\t${plainCell(oneLine(text))}\n`;
  return ['start\tend\ttext\n', ...segments.map(row)].join('');
}

/** What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection */
const FORMULA = /^[=+\-@＝＋－＠]/u;

/** A cell that a spreadsheet would run begins with an apostrophe, by which it is text. */
export const plainCell = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);
