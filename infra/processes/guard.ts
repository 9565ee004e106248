/** Ends a process that cannot notice by itself that the one which started it is gone. */
import { spawn } from 'node:child_process';

/**
 * Keeps a small shell beside `pid` that ends it once this process is gone, however that came about: the shell's standard
 * input closes then. Answers a function that calls the guard off.
 */
export function guard(pid: number): () => void {
  const wait = 'n=0; while kill -0 "$1" && [ $n -lt 50 ]; do sleep 0.2; n=$((n+1)); done';
  const script = `cat >/dev/null; kill "$1"; ${wait}; kill -9 "$1"`;
  const shell = spawn('sh', ['-c', script, 'longhand-guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  shell.on('error', () => undefined);
  shell.stdin.on('error', () => undefined);
  shell.unref();
  return () => {
    if (shell.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
    try {
      process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // Already gone.
    }
  };
}
