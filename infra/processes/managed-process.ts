/** A child process that is kept running: ready detection, restart with backoff, graceful stop, output in a log file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { guard } from './guard.ts';
import { LogFile } from './log-file.ts';
import { writePid } from './pid-file.ts';

export interface ProcessSpec<Ready> {
  /** For people and for the log file. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Remembers the child's process id, so that the next start can end one that was left behind. */
  readonly pidFile: string;
  /** `ipc`: the child ends by itself once its channel closes. `guarded`: it cannot, so it is ended from outside. */
  readonly orphan: 'ipc' | 'guarded';
  /** Answers once the child does its work. `ended` is aborted when the child is gone. */
  readonly ready: (child: ChildProcess, ended: AbortSignal) => Promise<Ready>;
  /** What the child says over its channel; it is answered there, if it is still there. */
  readonly heard?: (message: unknown, reply: (answer: object) => void) => void;
}

export interface RestartPolicy {
  /** Whether a child that ends after it was ready is started again. */
  readonly restart: boolean;
  /** Starts that may fail before the first one succeeds. */
  readonly attempts: number;
  /** Pause before a restart; doubles up to `maxPauseMs`, and starts anew once a child has lived for `stableMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  readonly stableMs: number;
  /** A child that is not ready by then is ended. */
  readonly readyWithinMs: number;
}

export const RESTART: RestartPolicy = {
  restart: true,
  attempts: 3,
  pauseMs: 250,
  maxPauseMs: 15_000,
  stableMs: 30_000,
  readyWithinMs: 60_000,
};

/** A child could not be started; the message holds its last lines of output. */
export class ProcessError extends Error {
  override name = 'ProcessError';
}

/** Exit code by which a process of ours says that its settings are wrong: trying again is of no use. Of a program in Go it is a panic. */
export const WRONG_SETTINGS = 2;

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Run<Ready> {
  readonly child: ChildProcess;
  readonly begunMs: number;
  readonly exited: Promise<Exit>;
  readonly ready: Promise<Ready>;
}

const describeExit = ({ code, signal }: Exit): string =>
  signal === null ? `ended with code ${code ?? 'none'}` : `was ended by ${signal}`;

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of the group.
  }
}

/** Answers the child's first `{type: 'ready'}` message. */
export function readyMessage(child: ChildProcess, ended: AbortSignal): Promise<Record<string, unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const take = (message: unknown): void => {
    if (typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready') {
      child.off('message', take);
      resolve({ ...message });
    }
  };
  child.on('message', take);
  ended.addEventListener('abort', () => reject(new Error('ended')));
  return promise;
}

export class ManagedProcess<Ready> {
  readonly name: string;
  readonly #spec: ProcessSpec<Ready>;
  readonly #policy: RestartPolicy;
  readonly #say: (line: string) => void;
  readonly #log: LogFile;
  #run: Run<Ready> | null = null;
  /** Aborted by `stop`: a restart that waits is called off. */
  #life = new AbortController();
  #pauseMs: number;

  /** `say` gets one line for each thing an operator should know. */
  constructor(spec: ProcessSpec<Ready>, say: (line: string) => void, policy: Partial<RestartPolicy> = {}) {
    this.name = spec.name;
    this.#spec = spec;
    this.#say = say;
    this.#policy = { ...RESTART, ...policy };
    this.#pauseMs = this.#policy.pauseMs;
    this.#log = new LogFile(spec.logFile);
  }

  /** Id of the running child, or null. */
  get pid(): number | null {
    return this.#run?.child.pid ?? null;
  }

  get logFile(): string {
    return this.#log.path;
  }

  /**
   * Starts the child and waits until it is ready.
   * @throws ProcessError when it ends again and again, or at once because of its settings
   */
  async start(): Promise<Ready> {
    if (this.#run !== null) throw new ProcessError(`${this.name} is running already`);
    this.#life.abort();
    this.#life = new AbortController();
    for (let attempt = 1; ; attempt++) {
      const run = this.#spawn();
      const outcome = await this.#outcome(run);
      if ('ready' in outcome) {
        void this.#keep(run);
        return outcome.ready;
      }
      const isWrong = this.#spec.orphan === 'ipc' && outcome.exit.code === WRONG_SETTINGS;
      const isFinal = attempt >= this.#policy.attempts || isWrong;
      if (isFinal || !(await this.#pause())) throw this.#failure(outcome.exit);
    }
  }

  /** Sends a signal to the child, if there is one. */
  kill(signal: NodeJS.Signals): void {
    this.#run?.child.kill(signal);
  }

  /** SIGTERM, after `graceMs` (0: at once) SIGKILL; answers once the child is gone. No restart follows. */
  async stop(graceMs: number): Promise<void> {
    this.#life.abort();
    const run = this.#run;
    if (run === null) return;
    run.child.kill(graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
    const impatience = setTimeout(() => {
      if (graceMs > 0) this.#say(`${this.name} did not end within ${graceMs / 1000} s: killed`);
      run.child.kill('SIGKILL');
    }, graceMs);
    await run.exited;
    clearTimeout(impatience);
  }

  async restart(graceMs: number): Promise<Ready> {
    await this.stop(graceMs);
    return this.start();
  }

  #spawn(): Run<Ready> {
    const { file, args, environment, orphan } = this.#spec;
    const stdio =
      orphan === 'ipc' ? (['ignore', 'pipe', 'pipe', 'ipc'] as const) : (['ignore', 'pipe', 'pipe'] as const);
    // Its own process group: Ctrl-C in the terminal reaches the supervisor alone, which ends things in order.
    const child = spawn(file, [...args], { env: environment, stdio: [...stdio], detached: true });
    this.#log.fact('started', { pid: child.pid, args });
    if (child.pid !== undefined) writePid(this.#spec.pidFile, child.pid);
    for (const stream of [child.stdout, child.stderr]) if (stream !== null) this.#copy(stream);
    const { heard } = this.#spec;
    const reply = (answer: object): void => {
      if (child.connected) child.send(answer);
    };
    if (heard !== undefined) child.on('message', (message) => heard(message, reply));
    const ended = new AbortController();
    const exited = this.#exit(child, orphan === 'guarded', ended);
    const ready = this.#spec.ready(child, ended.signal);
    ready.catch(() => undefined);
    const run = { child, begunMs: performance.now(), exited, ready };
    this.#run = run;
    return run;
  }

  #copy(stream: Readable): void {
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => this.#log.line(line));
    stream.on('error', () => undefined);
  }

  async #exit(child: ChildProcess, guarded: boolean, ended: AbortController): Promise<Exit> {
    const { promise, resolve } = Promise.withResolvers<Exit>();
    child.once('error', (fault) => {
      this.#log.fact('failed', { error: fault.message });
      // Without a pid there was never a process, and no exit will be told.
      if (child.pid === undefined) resolve({ code: 127, signal: null });
    });
    child.once('exit', (code, signal) => resolve({ code, signal }));
    const callOff = guarded && child.pid !== undefined ? guard(child.pid) : () => undefined;
    const exit = await promise;
    callOff();
    if (child.pid !== undefined) killGroup(child.pid);
    this.#log.fact('ended', { pid: child.pid, ...exit });
    this.#run = null;
    ended.abort();
    return exit;
  }

  async #outcome(run: Run<Ready>): Promise<{ ready: Ready } | { exit: Exit }> {
    const tooLate = setTimeout(() => {
      this.#log.fact('notReady', { afterMs: this.#policy.readyWithinMs });
      run.child.kill('SIGKILL');
    }, this.#policy.readyWithinMs);
    const ready = run.ready.then((value) => ({ ready: value }));
    const exit = run.exited.then((value) => ({ exit: value }));
    try {
      return await Promise.race([ready, exit]);
    } catch (fault) {
      this.#log.fact('notReady', { error: fault instanceof Error ? fault.message : String(fault) });
      run.child.kill('SIGKILL');
      return await exit;
    } finally {
      clearTimeout(tooLate);
    }
  }

  /** Starts the child anew as often as it ends, until `stop`. */
  async #keep(first: Run<Ready>): Promise<void> {
    const { signal } = this.#life;
    for (let run = first; ;) {
      const exit = await run.exited;
      if (signal.aborted) return;
      if (performance.now() - run.begunMs > this.#policy.stableMs) this.#pauseMs = this.#policy.pauseMs;
      if (!this.#policy.restart) {
        this.#say(`${this.name} ${describeExit(exit)}`);
        return;
      }
      this.#say(`${this.name} ${describeExit(exit)}: starting it again in ${this.#pauseMs / 1000} s`);
      if (!(await this.#pause())) return;
      run = this.#spawn();
      await this.#outcome(run);
    }
  }

  /** Answers whether the pause went by: false when `stop` has called off what was to follow. */
  async #pause(): Promise<boolean> {
    const ms = this.#pauseMs;
    this.#pauseMs = Math.min(ms * 2, this.#policy.maxPauseMs);
    return pause(ms, true, { signal: this.#life.signal }).catch(() => false);
  }

  #failure(exit: Exit): ProcessError {
    const lines = this.#log.tail.filter((line) => !line.includes('"supervisor":')).slice(-6);
    return new ProcessError([`${this.name} ${describeExit(exit)} (${this.logFile})`, ...lines].join('\n  '));
  }
}
