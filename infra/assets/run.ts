/** Runs a program to its end. */
import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/** Kept of each stream, for the answer and for error messages. */
const KEPT_CHARACTERS = 64_000;

const lastLines = (text: string): string => text.trim().split('\n').slice(-3).join(' / ');

/**
 * Answers what the program wrote to its standard output.
 * @throws Error naming the program and its last lines when it is missing, fails or takes too long
 */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs,
    killSignal: 'SIGKILL',
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out = (out + text).slice(-KEPT_CHARACTERS)));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err = (err + text).slice(-KEPT_CHARACTERS)));
  child.on('error', (fault) => reject(new Error(`${program}: ${fault.message}`)));
  child.on('close', (code, signal) => {
    if (code === 0) {
      resolve(out);
      return;
    }
    const why = signal === null ? `exit code ${code ?? 'none'}` : `ended by ${signal}`;
    reject(new Error(`${program}: ${why}: ${lastLines(err === '' ? out : err)}`));
  });
  return promise;
}
