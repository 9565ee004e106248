import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Job, Listener } from './listener.ts';

/** Recognises samples (16 kHz, -1 to 1); answers the text. One call at a time. */
type Decode = (samples: Float32Array) => Promise<string>;

/** A final of a file that has waited so long goes before the partials of live sessions. */
const PATIENCE_MS = 1000;

interface Task {
  readonly listener: Listener;
  readonly job: Job;
}

/**
 * Shares one recogniser among all sessions of the process: finals of live sessions first, then their newest partials,
 * then files; within each the longest waiting first.
 */
export class Desk {
  private readonly listeners = new Set<Listener>();
  private readonly decode: Decode;
  private readonly now: () => number;
  private listening = false;
  /** There may be something to listen to. */
  private woken = false;
  private decodingSinceMs: number | null = null;

  constructor(decode: Decode, now: () => number = () => performance.now()) {
    this.decode = decode;
    this.now = now;
  }

  join(listener: Listener): void {
    this.listeners.add(listener);
  }

  leave(listener: Listener): void {
    this.listeners.delete(listener);
  }

  /** How long the present decode has taken so far, in milliseconds; 0 when there is none. */
  decodingForMs(): number {
    return this.decodingSinceMs === null ? 0 : this.now() - this.decodingSinceMs;
  }

  /** Goes on with whatever there is to do; to be called when a listener was given something. */
  async wake(): Promise<void> {
    await Promise.all([this.listenInTurns(), this.decodeInTurns()]);
  }

  private async listenInTurns(): Promise<void> {
    this.woken = true;
    if (this.listening) return;
    this.listening = true;
    while (this.woken) {
      this.woken = false;
      for (const listener of this.listeners) this.woken = listener.listen(this.now()) || this.woken;
      void this.decodeInTurns();
      await nextTurn();
    }
    this.listening = false;
  }

  private async decodeInTurns(): Promise<void> {
    if (this.decodingSinceMs !== null) return;
    for (let task = this.next(); task !== null; task = this.next()) {
      this.decodingSinceMs = this.now();
      const text = await this.decode(task.listener.samplesOf(task.job));
      if (this.listeners.has(task.listener)) task.listener.deliver(task.job, text);
      void this.listenInTurns();
    }
    this.decodingSinceMs = null;
  }

  private next(): Task | null {
    const byListener = (jobOf: (listener: Listener) => Job | null): Task[] =>
      [...this.listeners].flatMap((listener) => {
        const job = jobOf(listener);
        return job === null ? [] : [{ listener, job }];
      });
    const finals = byListener((listener) => listener.waitingFinal);
    const overdue = this.now() - PATIENCE_MS;
    const urgent = finals.filter(({ listener, job }) => listener.mode === 'live' || job.sinceMs <= overdue);
    return oldest(urgent) ?? oldest(byListener((listener) => listener.waitingHypothesis)) ?? oldest(finals);
  }
}

const oldest = (tasks: readonly Task[]): Task | null =>
  tasks.reduce<Task | null>((first, task) => (first && first.job.sinceMs <= task.job.sinceMs ? first : task), null);
