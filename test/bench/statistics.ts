/** The few figures that a series of measurements comes to. */

/** Percentile by nearest rank; NaN of nothing. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

export interface Summary {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

export const summaryOf = (values: readonly number[]): Summary => ({
  n: values.length,
  p50: percentile(values, 50),
  p95: percentile(values, 95),
  p99: percentile(values, 99),
  max: percentile(values, 100),
});

/** Three significant figures. */
export const shown = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(value >= 100 ? 4 : 3))) : 'none';

/** Median with range: `0.2 [0.18–0.25]`. */
export const medianWithRange = (values: readonly number[]): string =>
  values.length === 1
    ? shown(values[0] ?? NaN)
    : `${shown(median(values))} [${shown(percentile(values, 0))}–${shown(percentile(values, 100))}]`;
