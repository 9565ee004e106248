/** `longhand watch DIR`: a drop folder. A file that has stopped growing is transcribed, and moved once its text stands beside it. */
import type { Command } from 'commander';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { TranscriptFormat } from '../../workflows/contract.ts';
import { onStopSignals } from '../start/stop-signals.ts';
import { formatsOf } from './batch.ts';
import { CliError, EXIT } from './failure.ts';
import { fileFault, fileSession } from './file-job.ts';
import { keyOfFile } from './keyed-file.ts';
import { isMedia, writeWhole } from './media-files.ts';
import { mayPass, PATIENCE, patiently } from './patience.ts';
import type { RestClient } from './rest-client.ts';
import { modelParameters, restClient, wholeNumber, withModel } from './server-options.ts';
import type { ModelOptions, ReadConfig } from './server-options.ts';

const DONE = 'done';
const FAILED = 'failed';
const LANES = 4;
const quiet = { update: () => undefined, end: () => undefined };

interface WatchOptions extends ModelOptions {
  readonly format: readonly TranscriptFormat[];
  readonly settle: number;
}

export function watchCommand(program: Command, readConfig: ReadConfig): void {
  withModel(program.command('watch').description('transcribe what is dropped into a folder, until it is stopped'))
    .argument('<folder>', `files go to ${DONE}/ or ${FAILED}/ in it; transcripts stay beside where they were dropped`)
    .option('--format <formats>', 'with commas', formatsOf, ['txt'])
    .option('--settle <ms>', 'a file that has not grown for so long is whole', wholeNumber(100), 2000)
    .action(async (folder: string, options: WatchOptions) => {
      const rest = restClient(readConfig(), options);
      await rest.check();
      await watchFolder(rest, folder, options);
    });
}

async function watchFolder(rest: RestClient, folder: string, options: WatchOptions): Promise<void> {
  for (const name of [DONE, FAILED]) {
    await mkdir(join(folder, name), { recursive: true }).catch(() => {
      throw new CliError(`${folder}: no folder that can be written to`, 2);
    });
  }
  const abort = new AbortController();
  const stopListening = onStopSignals(
    () => abort.abort(),
    () => process.exit(EXIT.interrupted),
  );
  process.stdout.write(`watching ${folder}\n`);
  const underWay = new Map<string, Promise<void>>();
  const sizes = new Map<string, string>();
  while (!abort.signal.aborted) {
    for (const name of await settled(folder, sizes)) {
      if (underWay.has(name) || underWay.size >= LANES) continue;
      const work = take(rest, folder, name, options, abort.signal).finally(() => underWay.delete(name));
      underWay.set(name, work);
    }
    await pause(options.settle, undefined, { signal: abort.signal }).catch(() => undefined);
  }
  await Promise.all(underWay.values());
  stopListening();
}

/** Names of files that are as they were when it was looked last. */
async function settled(folder: string, sizes: Map<string, string>): Promise<string[]> {
  const names: string[] = [];
  const seen = new Map<string, string>();
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isFile() || !isMedia(entry.name)) continue;
    const at = await stat(join(folder, entry.name)).catch(() => null);
    if (at === null) continue;
    const mark = `${at.size} ${at.mtimeMs}`;
    if (at.size > 0 && sizes.get(entry.name) === mark) names.push(entry.name);
    seen.set(entry.name, mark);
  }
  sizes.clear();
  for (const [name, mark] of seen) sizes.set(name, mark);
  return names.sort();
}

/** Killed at any point, it is done again from the beginning, and comes to the same session. */
async function take(
  rest: RestClient,
  folder: string,
  name: string,
  options: WatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const path = join(folder, name);
  const parameters = modelParameters(options);
  try {
    const key = await keyOfFile(path, { ...parameters, name });
    const job = { path, parameters, row: quiet, patience: PATIENCE, signal, key, uploaded: () => undefined };
    const id = await fileSession(rest, job);
    for (const format of options.format) {
      const text = await patiently(() => rest.transcript(id, format), PATIENCE, signal);
      await writeWhole(`${path}.${format}`, text);
    }
    await rename(path, join(folder, DONE, name));
    process.stdout.write(`${name} → ${options.format.map((format) => `${name}.${format}`).join(', ')}\n`);
  } catch (error) {
    // What may pass is tried again at the next look.
    if (signal.aborted || mayPass(error)) return;
    const fault = fileFault(name, error);
    process.stderr.write(`longhand: ${fault}\n`);
    await writeWhole(join(folder, FAILED, `${name}.error.txt`), `${fault}\n`);
    await rename(path, join(folder, FAILED, name)).catch(() => undefined);
  }
}
