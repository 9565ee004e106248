/** What a spreadsheet would take as a formula (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** One row by RFC 4180. A cell that a spreadsheet would compute is made text by an apostrophe before it. */
export const csvRow = (cells: readonly string[]): string => `${cells.map(csvCell).join(',')}\r\n`;

function csvCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
