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

/** A markdown table, its columns padded. */
export function markdown(rows: readonly Row[]): string {
  const head = ['what', 'measured', 'goal', 'reached', 'note'];
  const verdict = (reached: boolean | null): string => (reached === null ? '–' : reached ? 'yes' : '**no**');
  const cells = rows.map((row) => [row.what, row.measured, row.goal || '–', verdict(row.reached), row.note]);
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((line) => line[i]?.length ?? 0)));
  const line = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => text.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
