/** `npx longhand`: the command line. One file for each command; a failure is a line, never a stack trace. */
import { Command, CommanderError } from 'commander';
import { ConfigError, readConfig } from '../../infra/config.ts';
import { batchCommand } from './batch.ts';
import { cancelCommand } from './cancel.ts';
import { configCommand } from './config.ts';
import { deleteCommand } from './delete.ts';
import { exportCommand } from './export.ts';
import { CliError, EXIT } from './failure.ts';
import { liveCommand } from './live.ts';
import { recordCommand } from './record.ts';
import { replayCommand } from './replay.ts';
import { sessionsCommand } from './sessions.ts';
import { showCommand } from './show.ts';
import { simulateCommand } from './simulate.ts';
import { transcribeCommand } from './transcribe.ts';
import { watchCommand } from './watch.ts';
import { poolsCommand } from './pools.ts';
import { workersCommand } from './workers.ts';

const EXAMPLES = `
Examples:
  npx longhand transcribe talk.mp3                  the words of a file
  npx longhand transcribe *.wav --format srt --output subtitles
  npx longhand batch calls/ --out texts/            folders; run again, it goes on
  npx longhand live talk.wav                        as it is spoken
  arecord -t raw -f S16_LE -r 16000 | npx longhand live -
  npx longhand sessions

Longhand itself is started with \`npm start\`. Settings: \`npx longhand config\`.`;

function buildProgram(): Command {
  const program = new Command('longhand')
    .description('Speech to text that is never lost.')
    .showHelpAfterError('(see: npx longhand --help)')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  const commands = [
    transcribeCommand,
    batchCommand,
    watchCommand,
    liveCommand,
    sessionsCommand,
    exportCommand,
    showCommand,
    workersCommand,
    poolsCommand,
    cancelCommand,
    deleteCommand,
    recordCommand,
    replayCommand,
    simulateCommand,
    configCommand,
  ];
  for (const add of commands) add(program, readConfig);
  return program;
}

/** What is said of a failure, and the exit code. What nobody foresaw is our fault: its message is all there is to say. */
function explain(fault: unknown): { readonly text: string; readonly exitCode: number } {
  if (fault instanceof CommanderError) return { text: '', exitCode: fault.exitCode === 0 ? EXIT.ok : EXIT.wrongUse };
  if (fault instanceof CliError) return { text: fault.message, exitCode: fault.exitCode };
  if (fault instanceof ConfigError) return { text: fault.message, exitCode: EXIT.wrongUse };
  return { text: fault instanceof Error ? fault.message : String(fault), exitCode: EXIT.failed };
}

/** A reader that has seen enough (`| head`) is no failure. */
function endWithReader(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.failed));
}

endWithReader(process.stdout);
endWithReader(process.stderr);
try {
  await buildProgram().parseAsync();
} catch (fault) {
  const { text, exitCode } = explain(fault);
  if (text !== '') process.stderr.write(`longhand: ${text}\n`);
  process.exitCode = exitCode;
}
