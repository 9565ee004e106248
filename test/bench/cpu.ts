/** Who uses the processors, from Linux's /proc: a process's own time, and what others take meanwhile. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** Linux counts processor time in hundredths of a second (USER_HZ). */
const MS_PER_TICK = 10;
/** More of a core than this in others' hands makes a run noisy (bench-method). */
export const NOISY_CORES = 0.08;

interface Process {
  readonly parent: number;
  /** With its ended children's. */
  readonly ticks: number;
  readonly ownTicks: number;
}

/** proc(5), /proc/PID/stat: fields after the name, which may hold spaces. */
function readProcess(pid: number): Process | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
    return { parent: fields[1] ?? 0, ticks: user + system + childUser + childSystem, ownTicks: user + system };
  } catch {
    return null;
  }
}

/** Processor time a process has used so far, in milliseconds; 0 when it is gone. */
export const cpuMs = (pid: number): number => (readProcess(pid)?.ownTicks ?? 0) * MS_PER_TICK;

/** Ticks of this process and everything below it. */
function ourTicks(): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const all = new Map(pids.map((pid) => [Number(pid), readProcess(Number(pid))]));
  const isOurs = (pid: number): boolean => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === process.pid) return true;
    return false;
  };
  return [...all].reduce((sum, [pid, found]) => sum + (found !== null && isOurs(pid) ? found.ticks : 0), 0);
}

/** Ticks in which any processor was busy: user, nice, system, irq, softirq, steal. */
function busyTicks(): number {
  const line = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0] ?? '';
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = line.split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + softirq + steal;
}

/** Starts a watch; the function given back answers how many cores others have used on average since. */
export function watchOthers(): () => number {
  const read = () => ({ atMs: performance.now(), others: busyTicks() - ourTicks() });
  const before = read();
  return () => {
    const after = read();
    return Math.max(0, ((after.others - before.others) * MS_PER_TICK) / (after.atMs - before.atMs));
  };
}

/** Waits until others leave the machine alone for a second, but no longer than `limitMs`. */
export async function quiet(limitMs = 10_000): Promise<void> {
  for (const untilMs = performance.now() + limitMs; performance.now() < untilMs;) {
    const others = watchOthers();
    await pause(1000);
    if (others() <= NOISY_CORES) return;
  }
}

/** For a note of the table. */
export const othersNote = (cores: number): string =>
  `others ${cores.toFixed(2)} cores${cores > NOISY_CORES ? ' (noisy)' : ''}`;
