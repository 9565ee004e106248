/** `longhand live FILE`: streams a file, or a microphone's samples on standard input, as it is spoken. */
import type { Command } from 'commander';
import { openDecoder } from '../../infra/ffmpeg/decoder.ts';
import { AudioRefused, DecoderFailed } from '../../infra/ffmpeg/refusal.ts';
import type { Config } from '../../infra/config.ts';
import { NAME_PATTERN } from '../../workflows/contract.ts';
import { onStopSignals } from '../start/stop-signals.ts';
import { CliError, EXIT, notThere } from './failure.ts';
import { fileBytes } from './input-file.ts';
import { LiveClient, LiveError } from './live-client.ts';
import { LiveView } from './live-view.ts';
import { sendAudio } from './real-time.ts';
import { modelParameters, serverUrl, withModel } from './server-options.ts';
import type { ModelOptions, ReadConfig } from './server-options.ts';

/** 16 kHz mono s16le, as the decoder gives it and as the protocol takes it without being told. */
const PACE = { bytesPerSecond: 32_000, chunkMs: 100, realTime: true } as const;

interface LiveOptions extends ModelOptions {
  readonly session?: string;
}

export function liveCommand(program: Command, readConfig: ReadConfig): void {
  withModel(program.command('live').description('stream a file as it is spoken, and read the words as they come'))
    .argument('<file>', 'sound or video file; `-` reads raw 16 kHz mono s16le samples from standard input')
    .option('--session <id>', 'name of the session: an earlier one of that name is gone on with')
    .action(async (file: string, options: LiveOptions) => {
      const { session } = options;
      if (session !== undefined && !NAME_PATTERN.test(session)) {
        const allowed = 'letters, digits, ".", "_", "-", at most 128, first a letter or digit';
        throw new CliError(`--session: ${allowed}`, EXIT.wrongUse);
      }
      await runLive(readConfig(), file, options);
    });
}

async function runLive(config: Config, file: string, options: LiveOptions): Promise<void> {
  const ending = new AbortController();
  const source = await audioOf(config, file, ending.signal);
  const { session } = options;
  const client = new LiveClient({
    url: serverUrl(config, options).replace(/^http/, 'ws'),
    parameters: modelParameters(options),
    ...(session === undefined ? {} : { session }),
    ...(config.LONGHAND_API_KEY === null ? {} : { key: config.LONGHAND_API_KEY }),
  });
  const view = new LiveView(process.stdout, process.stderr).follow(client);
  const stopListening = onStopSignals(
    () => {
      view.say('ending: the last words follow (once more leaves at once)');
      ending.abort();
    },
    () => client.close(),
  );
  try {
    await speak(client.connect(), source);
  } catch (error) {
    throw explain(error, client.session, file, serverUrl(config, options));
  } finally {
    ending.abort();
    client.close();
    view.clear();
    stopListening();
  }
}

/** Sends all there is and waits for the last word. */
async function speak(client: LiveClient, source: AsyncIterable<Uint8Array>): Promise<void> {
  // A session may end before its audio, and audio may fail before the session knows.
  await Promise.race([sendAudio(client, source, PACE), client.result]);
  const { state } = await client.result;
  if (state === 'cancelled') throw new CliError(`session ${client.session} was cancelled`);
}

/** Opened, and the first samples there, before anything is started at the service. */
async function audioOf(config: Config, file: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  if (file === '-') {
    signal.addEventListener('abort', () => process.stdin.destroy());
    return untilAborted(process.stdin as AsyncIterable<Buffer>, signal);
  }
  await fileBytes(file).catch((error: unknown) => {
    throw new CliError(`${file}: ${(error as Error).message}`);
  });
  const samples = (await openDecoder(config)).decodeAudio(file, signal);
  const first = await samples.next().catch((error: unknown) => {
    throw explain(error, '', file, '');
  });
  return untilAborted(prepend(first, samples), signal);
}

async function* prepend(first: IteratorResult<Buffer, void>, rest: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  if (first.done !== true) yield first.value;
  yield* rest;
}

/** Ends, as if the source had ended, when the signal comes; the signal ends the source too. */
async function* untilAborted(source: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of source) {
      if (signal.aborted) return;
      yield chunk;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The one line that is printed. */
function explain(error: unknown, session: string, file: string, url: string): unknown {
  if (error instanceof AudioRefused) return new CliError(`${file}: ${error.detail} (${error.reason})`);
  if (error instanceof DecoderFailed) return new CliError(`${file}: ${error.message}`);
  if (!(error instanceof LiveError)) return error;
  if (error.code === 'unreachable') {
    return notThere(url, error.message.replace(/^.*?cannot be reached: /, ''));
  }
  if (error.code === 'closed' && error.message === 'closed by this client') {
    return new CliError(`left. The session stays open for a while: npx longhand show ${session}`, EXIT.interrupted);
  }
  return new CliError(`${error.message} (${error.code})`);
}
