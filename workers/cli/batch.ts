/** `longhand batch PATHS...`: transcribes folders of files; run again, it goes on where it was. */
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TRANSCRIPT_FORMATS } from '../../workflows/contract.ts';
import type { TranscriptFormat } from '../../workflows/contract.ts';
import { onStopSignals } from '../start/stop-signals.ts';
import { CliError, EXIT } from './failure.ts';
import { fileFault, fileSession } from './file-job.ts';
import { keyOfFile } from './keyed-file.ts';
import { inLanes } from './lanes.ts';
import { areWritten, mediaFiles, writeWhole } from './media-files.ts';
import type { MediaFile } from './media-files.ts';
import { Pace } from './pace.ts';
import { PATIENCE, patiently } from './patience.ts';
import { progressBoard } from './progress-board.ts';
import type { Row } from './progress-board.ts';
import type { RestClient } from './rest-client.ts';
import { modelParameters, restClient, wholeNumber, withModel } from './server-options.ts';
import type { ModelOptions, ReadConfig } from './server-options.ts';

interface BatchOptions extends ModelOptions {
  readonly format: readonly TranscriptFormat[];
  readonly out: string;
  readonly lanes: number;
}

export function batchCommand(program: Command, readConfig: ReadConfig): void {
  withModel(program.command('batch').description('transcribe folders of files; run again, it goes on where it was'))
    .argument('<paths...>', 'folders, or sound or video files')
    .requiredOption('--out <folder>', 'where transcripts are written; what is there already is not done again')
    .option('--format <formats>', `with commas, of ${TRANSCRIPT_FORMATS.join(', ')}`, formatsOf, ['txt'])
    .option('--lanes <number>', 'files on their way at a time', wholeNumber(1), 8)
    .action(async (paths: string[], options: BatchOptions) => {
      const rest = restClient(readConfig(), options);
      await rest.check();
      await transcribeAll(rest, await mediaFiles(paths), options);
    });
}

export function formatsOf(text: string): TranscriptFormat[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !TRANSCRIPT_FORMATS.some((known) => known === name));
  if (wrong === undefined) return names as TranscriptFormat[];
  throw new InvalidArgumentError(`'${wrong}' is none of ${TRANSCRIPT_FORMATS.join(', ')}`);
}

async function transcribeAll(rest: RestClient, files: readonly MediaFile[], options: BatchOptions): Promise<void> {
  const left = await notDone(files, options);
  process.stderr.write(`${files.length} files, ${files.length - left.length} done already\n`);
  const board = progressBoard(process.stderr);
  const whole = board.row('all files');
  const pace = new Pace(left.length, Date.now());
  const abort = new AbortController();
  const stopListening = onStopSignals(
    () => abort.abort(),
    () => process.exit(EXIT.interrupted),
  );
  const faults: string[] = [];
  const results = inLanes(left, options.lanes, async (file) => {
    try {
      await transcribe(rest, file, options, board.row(file.name), abort.signal);
      pace.ended();
      whole.update(pace.share, pace.text(Date.now()));
    } catch (error) {
      if (!abort.signal.aborted) faults.push(fileFault(file.path, error));
    }
  });
  await Promise.all(results);
  stopListening();
  board.close();
  for (const fault of faults) process.stderr.write(`longhand: ${fault}\n`);
  if (abort.signal.aborted) throw new CliError('left off: run it again to go on', EXIT.interrupted);
  process.stdout.write(`${left.length - faults.length} transcribed, ${faults.length} failed\n`);
  if (faults.length > 0) throw new CliError('');
}

const targetsOf = ({ name }: MediaFile, { out, format }: BatchOptions): string[] =>
  format.map((format) => join(out, `${name}.${format}`));

async function notDone(files: readonly MediaFile[], options: BatchOptions): Promise<MediaFile[]> {
  const done = await Promise.all(files.map((file) => areWritten(file.path, targetsOf(file, options))));
  return files.filter((_, index) => done[index] !== true);
}

async function transcribe(
  rest: RestClient,
  file: MediaFile,
  options: BatchOptions,
  row: Row,
  signal: AbortSignal,
): Promise<void> {
  const parameters = modelParameters(options);
  try {
    const key = await keyOfFile(file.path, { ...parameters, name: file.name });
    const job = { path: file.path, parameters, row, patience: PATIENCE, signal, key };
    const id = await fileSession(rest, { ...job, uploaded: () => undefined });
    for (const [index, format] of options.format.entries()) {
      const target = targetsOf(file, options)[index] ?? '';
      await mkdir(dirname(target), { recursive: true });
      await writeWhole(target, await patiently(() => rest.transcript(id, format), PATIENCE, signal));
    }
  } finally {
    row.end();
  }
}
