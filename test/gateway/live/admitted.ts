/** What admission asks Temporal, answered as a test says. */
import type { WorkerSummary } from '../../../gateway/ports.ts';
import type { SessionRef } from '../../../workflows/contract.ts';

export const workerWith = (workerId: string, slots: number, sessions: readonly string[]): WorkerSummary => ({
  workerId,
  model: 'en',
  pid: 1,
  host: 'h',
  slots,
  startedAt: '2026-01-01T00:00:00Z',
  draining: false,
  sessions,
});

/** Nothing in it changes unless the test changes it: as Temporal's lists, which are late. */
export class LateTemporal {
  listed: string[] = [];
  open = 0;
  present: WorkerSummary[] = [];
  there = new Set<string>();
  readonly asked: string[] = [];

  async waitingSessions(_model: string, atMost: number): Promise<readonly string[]> {
    this.asked.push('waitingSessions');
    await Promise.resolve();
    return this.listed.slice(0, atMost);
  }

  async openSessions(): Promise<number> {
    this.asked.push('openSessions');
    await Promise.resolve();
    return this.open;
  }

  async workers(): Promise<WorkerSummary[]> {
    this.asked.push('workers');
    await Promise.resolve();
    return this.present;
  }

  async exists({ id }: SessionRef): Promise<boolean> {
    this.asked.push('exists');
    await Promise.resolve();
    return this.there.has(id);
  }
}
