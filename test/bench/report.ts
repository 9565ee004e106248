/** What every benchmark's report needs: under what conditions it ran, an end by a limit, and its place in README.md. */
import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';

const README = new URL('../../README.md', import.meta.url);

export const machine = `${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;

/** @param others cores that others used on average since `begunMs`. */
export const conditions = (begunMs: number, others: number): string =>
  `${machine}; ${((performance.now() - begunMs) / 60_000).toFixed(1)} min; others used ${others.toFixed(2)} cores on average.`;

/** Runs to the end, or, when it takes longer or is interrupted, prints what there is and ends the process. */
export async function withLimit(limitMs: number, run: () => Promise<void>, print: () => void): Promise<void> {
  const limit = setTimeout(() => {
    process.stderr.write(`the benchmark did not end within ${limitMs / 60_000} min\n`);
    process.kill(process.pid, 'SIGINT');
  }, limitMs);
  process.once('SIGINT', () => {
    print();
    // The series at work ends its installation first.
    setTimeout(() => process.exit(130), 15_000);
  });
  await run();
  clearTimeout(limit);
}

/** Puts a report between the markers of its name. */
export async function intoReadme(name: string, report: string): Promise<void> {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const text = await readFile(README, 'utf8');
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no ${start} … ${end}`);
  await writeFile(README, `${text.slice(0, from)}${start}\n\n${report}\n\n${text.slice(to)}`);
}
