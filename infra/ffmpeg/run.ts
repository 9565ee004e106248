import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Ffmpeg } from './command.ts';
import { LogEnds } from './log-ends.ts';
import { DecoderFailed } from './refusal.ts';
import type { FfmpegEnd } from './refusal.ts';

export interface RunLimits {
  /** A decoder that is waited for and gives nothing for so long is killed. */
  readonly stallMs: number;
  /** Time spent waiting for the decoder, all together, after which it is killed. */
  readonly limitMs: number;
}

export interface Run {
  readonly ffmpeg: Ffmpeg;
  readonly args: readonly string[];
  /** Descriptor of the open file; becomes standard input. */
  readonly input: number;
  readonly limits: RunLimits;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs ffmpeg and gives its samples; returns how it ended. Leaving the loop early, an abort, or a limit kills it. Throws
 * {@link DecoderFailed} when a limit was met or the program cannot be started, the signal's reason when aborted.
 */
export async function* runFfmpeg(run: Run): AsyncGenerator<Buffer, FfmpegEnd> {
  run.signal?.throwIfAborted();
  const child = spawn(run.ffmpeg.program, run.args, {
    stdio: [run.input, 'pipe', 'pipe'],
    // Nothing of this process's settings or credentials is for a decoder of strangers' files.
    env: {},
    windowsHide: true,
  });
  const ended = endOf(child);
  const log = collectLog(child);
  const kill = (): boolean => child.kill('SIGKILL');
  run.signal?.addEventListener('abort', kill, { once: true });
  let pcmBytes = 0;
  try {
    for await (const chunk of within(child, run.limits)) {
      pcmBytes += chunk.byteLength;
      yield chunk;
    }
    const { exitCode, signal } = await ended;
    run.signal?.throwIfAborted();
    return { exitCode, signal, pcmBytes, log: log() };
  } finally {
    run.signal?.removeEventListener('abort', kill);
    kill();
    // Samples nobody reads would keep the pipe, and so the end, waiting for ever.
    child.stdout?.destroy();
    await ended.catch(() => undefined);
  }
}

async function endOf(child: ChildProcess): Promise<Pick<FfmpegEnd, 'exitCode' | 'signal'>> {
  try {
    const [exitCode, signal] = (await once(child, 'close')) as [number | null, string | null];
    return { exitCode, signal };
  } catch (error) {
    throw new DecoderFailed('the decoder cannot be started', { cause: error });
  }
}

/** The child's samples; only the time in which it is waited for counts against the limits. */
async function* within(child: ChildProcess, limits: RunLimits): AsyncGenerator<Buffer, void> {
  const chunks = (child.stdout as AsyncIterable<Buffer> | null)?.[Symbol.asyncIterator]();
  if (chunks === undefined) return;
  const watch = { leftMs: limits.limitMs, overdue: '' };
  for (;;) {
    const since = performance.now();
    const timer = setTimeout(
      () => {
        watch.overdue = watch.leftMs < limits.stallMs ? 'works for too long' : 'gives nothing any more';
        child.kill('SIGKILL');
      },
      Math.min(limits.stallMs, watch.leftMs),
    );
    const step = await chunks.next().finally(() => clearTimeout(timer));
    if (watch.overdue !== '') throw new DecoderFailed(`the decoder ${watch.overdue} and was ended`);
    watch.leftMs -= performance.now() - since;
    if (step.done === true) return;
    yield step.value;
  }
}

function collectLog(child: ChildProcess): () => string {
  const log = new LogEnds();
  child.stderr?.setEncoding('utf8').on('data', (text: string) => log.add(text));
  return () => log.text;
}
