/** The data folder belongs to one supervisor at a time, and keeps the key its processes know each other by. */
import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive, startTime } from '../../infra/processes/pid-file.ts';

/** Something keeps Longhand from starting; the message says what, and what to do. */
export class StartError extends Error {
  override name = 'StartError';
}

interface Holder {
  readonly pid: number;
  readonly started: string | null;
}

async function holderOf(file: string): Promise<Holder | null> {
  const json = await readFile(file, 'utf8').catch(() => null);
  if (json === null) return null;
  try {
    return JSON.parse(json) as Holder;
  } catch {
    return null;
  }
}

/** Process ids are used again, start times are not. */
const holds = async ({ pid, started }: Holder): Promise<boolean> =>
  isAlive(pid) && (started === null || (await startTime(pid)) === started);

/**
 * Takes the folder; answers how to give it back. A supervisor that was killed holds nothing.
 * @throws StartError when another supervisor holds it, or it cannot be written
 */
export async function lockDataDir(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, 'supervisor.lock');
  const mine = join(dataDir, `supervisor.${randomUUID()}`);
  const holder = JSON.stringify({ pid: process.pid, started: await startTime(process.pid) } satisfies Holder);
  try {
    await mkdir(dataDir, { recursive: true });
    await writeFile(mine, holder);
  } catch (fault) {
    throw new StartError(`LONGHAND_DATA_DIR: ${dataDir} cannot be written: ${(fault as Error).message}`, {
      cause: fault,
    });
  }
  try {
    // A link is made whole or not at all, by one process alone.
    while (
      !(await link(mine, file).then(
        () => true,
        () => false,
      ))
    )
      await removeStale(file, dataDir);
  } finally {
    await rm(mine, { force: true });
  }
  return async () => {
    if ((await readFile(file, 'utf8').catch(() => '')) === holder) await rm(file, { force: true });
  };
}

async function removeStale(file: string, dataDir: string): Promise<void> {
  const refuse = ({ pid }: Holder): StartError =>
    new StartError(
      `${dataDir} is in use by another \`npm start\` (process ${pid}): end that one, or set LONGHAND_DATA_DIR to another folder`,
    );
  const found = await holderOf(file);
  if (found !== null && (await holds(found))) throw refuse(found);
  const aside = `${file}.${randomUUID()}`;
  if (
    !(await rename(file, aside).then(
      () => true,
      () => false,
    ))
  )
    return;
  // Between the look and the rename another process may have taken the place of the dead one.
  const taken = await holderOf(aside);
  if (taken !== null && (await holds(taken))) {
    await rename(aside, file);
    throw refuse(taken);
  }
  await rm(aside, { force: true });
}

/** The key by which gateway and workers of this data folder know each other; made once, readable by its owner alone. */
export async function internalKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'internal.key');
  const kept = (await readFile(file, 'utf8').catch(() => '')).trim();
  if (kept !== '') return kept;
  const key = randomBytes(32).toString('base64url');
  await writeFile(file, `${key}\n`, { mode: 0o600 });
  return key;
}
