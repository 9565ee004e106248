/** `longhand transcribe FILES...`: the words of files, several side by side, given in the order of the arguments. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { TRANSCRIPT_FORMATS } from '../../workflows/contract.ts';
import type { TranscriptFormat } from '../../workflows/contract.ts';
import { onStopSignals } from '../start/stop-signals.ts';
import { CliError, EXIT } from './failure.ts';
import { fileFault, transcribeFile } from './file-job.ts';
import { inLanes } from './lanes.ts';
import { PATIENCE } from './patience.ts';
import { progressBoard } from './progress-board.ts';
import type { Board } from './progress-board.ts';
import type { RestClient } from './rest-client.ts';
import { modelParameters, restClient, withModel } from './server-options.ts';
import type { ModelOptions, ReadConfig } from './server-options.ts';

/** Files on their way at a time; the service itself transcribes a file's spans side by side. */
const LANES = 4;

interface TranscribeOptions extends ModelOptions {
  readonly format: TranscriptFormat;
  readonly output?: string;
}

export function transcribeCommand(program: Command, readConfig: ReadConfig): void {
  withModel(program.command('transcribe').description('transcribe files: any format that ffmpeg reads'))
    .argument('<files...>', 'sound or video files')
    .addOption(new Option('--format <format>', 'of the transcript').choices(TRANSCRIPT_FORMATS).default('txt'))
    .option('--output <folder>', 'write each transcript into this folder instead of printing it')
    .action(async (files: string[], options: TranscribeOptions) => {
      checkOutput(files, options);
      const rest = restClient(readConfig(), options);
      await rest.check();
      await transcribeAll(rest, files, options);
    });
}

function checkOutput(files: readonly string[], { format, output }: TranscribeOptions): void {
  if (output === undefined && files.length > 1 && (format === 'srt' || format === 'vtt')) {
    throw new CliError(`several files as ${format} need --output FOLDER: one after the other they are no ${format}`, 2);
  }
}

async function transcribeAll(rest: RestClient, files: readonly string[], options: TranscribeOptions): Promise<void> {
  const board = progressBoard(process.stderr);
  const abort = new AbortController();
  const stopListening = onStopSignals(
    () => abort.abort(),
    () => process.exit(EXIT.interrupted),
  );
  const uploaded = new Map<string, string>();
  const transcripts = inLanes(files, LANES, (path) =>
    transcribeFile(rest, {
      path,
      format: options.format,
      parameters: modelParameters(options),
      row: board.row(path),
      patience: PATIENCE,
      signal: abort.signal,
      uploaded: (id) => uploaded.set(path, id),
    }).then((text) => {
      uploaded.delete(path);
      return text;
    }),
  );
  try {
    const failed = await give(files, transcripts, options, board, abort.signal);
    if (abort.signal.aborted) throw interrupted(uploaded);
    if (failed > 0) throw new CliError(files.length > 1 ? `${failed} of ${files.length} files failed` : '');
  } finally {
    stopListening();
    board.close();
  }
}

/** Prints or writes what has come, in order; answers how many failed. */
async function give(
  files: readonly string[],
  transcripts: readonly Promise<string>[],
  options: TranscribeOptions,
  board: Board,
  signal: AbortSignal,
): Promise<number> {
  if (options.output !== undefined) await mkdir(options.output, { recursive: true });
  const names = outputNames(files, options.format);
  // Bars and words do not share a screen.
  if (board.isShown) await Promise.allSettled(transcripts);
  board.close();
  const shown: string[] = [];
  let failed = 0;
  for (const [index, transcript] of transcripts.entries()) {
    const path = files[index] ?? '';
    try {
      const text = await transcript;
      if (options.output !== undefined) await write(text, path, join(options.output, names[index] ?? ''));
      else process.stdout.write(headed(text, path, options.format, files.length > 1, shown.length === 0));
      shown.push(path);
    } catch (error) {
      if (signal.aborted) continue;
      failed += 1;
      process.stderr.write(`longhand: ${fileFault(path, error)}\n`);
    }
  }
  return failed;
}

async function write(text: string, path: string, target: string): Promise<void> {
  await writeFile(target, text);
  process.stdout.write(`${path} → ${target}\n`);
}

/** Of several texts each has its name above it; several JSON documents are one a line. */
function headed(text: string, path: string, format: TranscriptFormat, isOneOfMany: boolean, isFirst: boolean): string {
  return isOneOfMany && format === 'txt' ? `${isFirst ? '' : '\n'}==> ${path} <==\n${text}` : text;
}

/** `talk.mp3` becomes `talk.txt`; files that would meet there keep their whole name, and then get a number. */
export function outputNames(files: readonly string[], format: TranscriptFormat): string[] {
  const stems = files.map((path) => basename(path, extname(path)));
  const ending = format === 'verbose_json' ? 'verbose.json' : format;
  const given = new Set<string>();
  return files.map((path, index) => {
    const stem = stems[index] ?? '';
    const isAlone = stems.filter((other) => other === stem).length === 1;
    const base = isAlone ? stem : basename(path);
    let name = `${base}.${ending}`;
    for (let n = 2; given.has(name); n += 1) name = `${base}-${n}.${ending}`;
    given.add(name);
    return name;
  });
}

function interrupted(uploaded: ReadonlyMap<string, string>): CliError {
  const lines = [...uploaded].map(([path, id]) => `\n  ${path}: npx longhand show ${id}`);
  const rest = lines.length > 0 ? ' What was uploaded is transcribed all the same:' : '';
  return new CliError(`left off.${rest}${lines.join('')}`, EXIT.interrupted);
}
