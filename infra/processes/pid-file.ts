/** Remembers a process across the death of its supervisor, and knows it again. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** Whether a process of this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * When a process began, in the kernel's ticks since boot (field 22 of /proc/<pid>/stat); null when it is dead, or where
 * there is no /proc.
 */
export async function startTime(pid: number): Promise<string | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The second field is the program's name in parentheses and may hold spaces.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  // A zombie is dead, however long its parent takes to notice.
  return fields[0] === 'Z' ? null : (fields[19] ?? null);
}

async function commandLine(pid: number): Promise<string[]> {
  const raw = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return raw.split('\0');
}

/** Synchronous: between a child's start and the note of it there is no moment at which both could be lost. */
export function writePid(file: string, pid: number): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${pid}\n`);
}

/** What ends keeps its id until its parent takes note, but has no command line any more. */
async function endsWithin(pid: number, argument: string, ms: number): Promise<boolean> {
  const until = Date.now() + ms;
  while ((await commandLine(pid)).includes(argument)) {
    if (Date.now() > until) return false;
    await pause(20);
  }
  return true;
}

/**
 * Ends the process a file remembers, if it is still there and has `argument` on its command line (process ids are used
 * again). Answers its id, or null when there was none.
 */
export async function endRemembered(file: string, argument: string): Promise<number | null> {
  const pid = Number(await readFile(file, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return null;
  const isIt = (await commandLine(pid)).includes(argument);
  if (isIt) {
    process.kill(pid, 'SIGTERM');
    if (!(await endsWithin(pid, argument, 5000))) process.kill(pid, 'SIGKILL');
    await endsWithin(pid, argument, 5000);
  }
  await rm(file, { force: true });
  return isIt ? pid : null;
}
