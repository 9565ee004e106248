/** A simulation as text and as JSON. */
import { LONG_WAIT_MS } from '../../../workflows/pool/simulation/result.ts';
import { table } from '../table.ts';
import type { Simulation } from './run.ts';

const shown = (value: number, digits = 1): string => value.toFixed(digits);

/** The figures, one a row. */
export function figures({ result, currency, rules, tookMs }: Simulation): [string, string][] {
  const { waitSeconds, costPerDay, costPerMonth, costPerSession } = result;
  const money = (value: number): string => `${value.toFixed(2)} ${currency}`;
  const costs = Object.entries(costPerMonth).flatMap(([name, month]): [string, string][] => {
    const session = costPerSession[name];
    const each = session == null ? '' : `, ${session.toFixed(4)} a session`;
    return [[`cost by ${name}`, `${money(month)} a month (${money(costPerDay[name] ?? 0)} a day${each})`]];
  });
  const shares = Object.entries(rules).sort(([, a], [, b]) => b - a);
  return [
    ['sessions', String(result.sessions)],
    ['worker-hours', shown(result.workerHours)],
    ...(result.burstWorkerHours > 0 ? ([['of them burst', shown(result.burstWorkerHours)]] as [string, string][]) : []),
    ...costs,
    ['waits p50 / p95 / p99', `${shown(waitSeconds.p50)} / ${shown(waitSeconds.p95)} / ${shown(waitSeconds.p99)} s`],
    ['longest wait', `${shown(waitSeconds.max)} s`],
    [`waited more than ${LONG_WAIT_MS / 1000} s`, `${shown(100 * result.shareWaited, 2)} %`],
    ['sessions cut', String(result.cut)],
    ...(shares.length > 0
      ? ([['decided by', shares.map(([rule, share]) => `${rule} ${Math.round(100 * share)} %`).join(', ')]] as [
          string,
          string,
        ][])
      : []),
    ['played in', `${Math.round(tookMs)} ms`],
  ];
}

/** Workers and sessions by hour, as bars of text. */
function byHour({ samples }: Simulation): [string, string, string, string, string][] {
  const hours = Array.from({ length: 24 }, (_, hour) => samples.slice(hour * 12, hour * 12 + 12));
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  const rows = hours.map((within, hour) => ({
    hour: `${String(hour).padStart(2, '0')}:00`,
    workers: mean(within.map(({ workers }) => workers)),
    busy: mean(within.map(({ busy }) => busy)),
    waiting: mean(within.map(({ waiting }) => waiting)),
  }));
  const most = Math.max(1, ...rows.map(({ workers }) => workers));
  const bar = (workers: number, busy: number): string => {
    const [full, all] = [busy, workers].map((value) => Math.round((40 * value) / most)) as [number, number];
    return `${'#'.repeat(Math.min(full, all))}${'-'.repeat(Math.max(0, all - full))}`;
  };
  return rows.map(({ hour, workers, busy, waiting }) => [
    hour,
    shown(workers),
    shown(busy),
    shown(waiting),
    bar(workers, busy),
  ]);
}

export function simulationText(simulation: Simulation): string {
  const { policy, seed, date, timeZone } = simulation;
  const head = `Policy ${policy}, ${date} (${timeZone}), seed ${seed}.\n\n`;
  const rows = [['FROM', 'WORKERS', 'BUSY', 'WAITING', '# busy, - idle'], ...byHour(simulation)];
  return `${head}${table(rows)}\n${table(figures(simulation).map((row) => row))}`;
}

export function simulationJson({ result, samples, ...facts }: Simulation): string {
  const points = samples.map(({ atMs, workers, busy, waiting }) => ({ minute: atMs / 60_000, workers, busy, waiting }));
  const { shareWaited, ...rest } = result;
  const waitedLonger = { seconds: LONG_WAIT_MS / 1000, share: shareWaited };
  return `${JSON.stringify({ ...facts, ...rest, waitedLonger, samples: points }, null, 2)}\n`;
}
