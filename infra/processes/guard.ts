/** Ends a process that cannot notice by itself that the one which started it is gone. */
import { spawn } from 'node:child_process';

/**
 * Keeps a small shell beside `pid` that ends it once this process is gone, however that came about: the shell's standard
 * input closes then. Answers a function that calls the guard off.
 */
export function guard(pid: number): () => void {
  const script = 'cat >/dev/null; kill "$1" 2>/dev/null; sleep 10; kill -9 "$1" 2>/dev/null';
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
