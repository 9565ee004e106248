/** Processes of the benchmark, each on the core it is given where `taskset` is there. */
import { fork, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism, getPriority, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { LoadOptions, LoadResult } from './load.ts';
import type { SpeechOptions, SpeechResult } from './speech-load.ts';

/** The server under test has one core, client and engine have the other. */
export const SERVER_CORE = 0;
export const OTHER_CORE = 1;

const canPin =
  availableParallelism() > 1 && spawnSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' }).status === 0;

/** Keeps all threads of a process, and what they start, on some cores, e.g. `0` or `0-1`. */
export function pin(pid: number | null, cores: number | string): void {
  // A thread that ends meanwhile makes taskset fail when all others are done.
  if (canPin && pid !== null) spawnSync('taskset', ['-acp', String(cores), String(pid)], { stdio: 'ignore' });
}

/** Gives way to the processes that are measured: in production it runs on other machines than they do. */
export function standBack(pid: number | null): void {
  if (pid !== null) setPriority(pid, Math.min(19, getPriority() + 10));
}

export const pinningNote = (): string => (canPin ? 'one core for the server, one for client and engine' : 'not pinned');

const running = new Set<ChildProcess>();

/** Starts a program of this folder; answers its first message. */
async function start(program: string, core: number | null, argument: object): Promise<{ pid: number; said: unknown }> {
  const child = fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(argument)]);
  running.add(child);
  child.once('exit', () => running.delete(child));
  if (core !== null) pin(child.pid ?? null, core);
  const said = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${program} ended: ${code ?? signal ?? ''}`)));
  });
  return { pid: child.pid ?? 0, said };
}

/** Callers in a process of their own (load.ts). */
export const startLoad = async (core: number | null, options: LoadOptions): Promise<LoadResult> =>
  (await start('./load.ts', core, options)).said as LoadResult;

/** Callers with human speech in a process of their own (speech-load.ts). */
export const startSpeech = async (core: number | null, options: SpeechOptions): Promise<SpeechResult> =>
  (await start('./speech-load.ts', core, options)).said as SpeechResult;

/** A server that says its address. */
export async function startServer(
  program: string,
  core: number,
  argument: object,
): Promise<{ url: string; pid: number }> {
  const { said, pid } = await start(program, core, argument);
  return { url: String(said), pid };
}

/** Ends every program that still runs. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
