/** A simulated day as a chart: workers, what of them is busy, who waits. SVG, and a page around it. */
import type { Sample } from '../../../workflows/pool/simulation/world.ts';
import { figures } from './report.ts';
import type { Simulation } from './run.ts';

const SIZE = { width: 960, height: 400, left: 56, right: 16, top: 24, bottom: 40 } as const;
const DAY_MS = 86_400_000;
const INNER = { width: SIZE.width - SIZE.left - SIZE.right, height: SIZE.height - SIZE.top - SIZE.bottom } as const;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** 1, 2 or 5 times a power of ten: so that about five lines stand. */
function stepOf(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most / 5)));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => most / step <= 6) ?? 10 * power;
}

/** @returns an SVG document of its own */
export function chartSvg({ samples, policy, date }: Simulation): string {
  const most = Math.max(1, ...samples.flatMap(({ workers, busy, waiting }) => [workers, busy, waiting]));
  const x = (atMs: number): number => SIZE.left + (INNER.width * atMs) / DAY_MS;
  const y = (value: number): number => SIZE.top + INNER.height * (1 - value / most);
  const at = (value: number): string => value.toFixed(1);
  const points = (value: (sample: Sample) => number): string =>
    samples.map((sample) => `${at(x(sample.atMs))},${at(y(value(sample)))}`).join(' ');
  const area = (value: (sample: Sample) => number): string =>
    `${at(x(samples[0]?.atMs ?? 0))},${at(y(0))} ${points(value)} ${at(x(samples.at(-1)?.atMs ?? 0))},${at(y(0))}`;
  const title = escaped(`Workers by policy ${policy} on ${date}`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img" aria-label="${title}" font-family="sans-serif" font-size="12">`,
    `<title>${title}</title>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    ...grid(most, x, y),
    `<polygon points="${area(({ busy }) => busy)}" fill="#9ecae1"/>`,
    `<polygon points="${area(({ waiting }) => waiting)}" fill="#de2d26"/>`,
    `<polyline points="${points(({ workers }) => workers)}" fill="none" stroke="#08519c" stroke-width="1.5"/>`,
    ...legend(),
    `</svg>\n`,
  ].join('\n');
}

function grid(most: number, x: (atMs: number) => number, y: (value: number) => number): string[] {
  const step = stepOf(most);
  const levels = Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step);
  const hours = Array.from({ length: 9 }, (_, n) => n * 3);
  return [
    ...levels.map(
      (level) =>
        `<path d="M${SIZE.left} ${y(level).toFixed(1)}h${INNER.width}" stroke="#ddd"/><text x="${SIZE.left - 8}" y="${(y(level) + 4).toFixed(1)}" text-anchor="end">${level}</text>`,
    ),
    ...hours.map(
      (hour) =>
        `<text x="${x((hour * DAY_MS) / 24).toFixed(1)}" y="${SIZE.height - 20}" text-anchor="middle">${String(hour).padStart(2, '0')}:00</text>`,
    ),
  ];
}

const LEGEND = [
  ['workers, paid', '#08519c'],
  ['sessions that hold a slot', '#9ecae1'],
  ['sessions that wait', '#de2d26'],
] as const;

const legend = (): string[] =>
  LEGEND.map(
    ([name, colour], at) =>
      `<rect x="${SIZE.left + 180 * at}" y="${SIZE.height - 12}" width="10" height="10" fill="${colour}"/><text x="${SIZE.left + 180 * at + 16}" y="${SIZE.height - 3}">${name}</text>`,
  );

/** A page of its own: the chart and the figures. It loads nothing. */
export function chartHtml(simulation: Simulation): string {
  const rows = figures(simulation).map(
    ([name, value]) => `<tr><th scope="row">${escaped(name)}</th><td>${escaped(value)}</td></tr>`,
  );
  const { policy, date, timeZone, seed } = simulation;
  const title = escaped(`What if: policy ${policy}, ${date} (${timeZone}), seed ${seed}`);
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title>
<style>body{font-family:sans-serif;margin:2rem;max-width:60rem}th{text-align:left;padding-right:2rem;font-weight:normal}td{font-variant-numeric:tabular-nums}</style>
</head>
<body>
<h1>${title}</h1>
${chartSvg(simulation)}<table>
${rows.join('\n')}
</table>
</body>
</html>
`;
}
