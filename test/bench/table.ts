/** What was measured, beside what was wanted. */

export interface Row {
  readonly what: string;
  readonly measured: string;
  /** Empty: no goal. */
  readonly goal: string;
  /** Null: no goal. */
  readonly reached: boolean | null;
  /** How often it was measured, and what may have disturbed it. */
  readonly note: string;
}

export const verdict = (reached: boolean | null): string => (reached === null ? '–' : reached ? 'yes' : '**no**');

/** A markdown table, its columns padded. */
export function table(head: readonly string[], cells: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

export const markdown = (rows: readonly Row[]): string =>
  table(
    ['what', 'measured', 'goal', 'reached', 'note'],
    rows.map((row) => [row.what, row.measured, row.goal || '–', verdict(row.reached), row.note]),
  );
