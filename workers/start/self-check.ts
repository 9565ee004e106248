/** Streams the bundled sample through the system's own public WebSocket, and says whether the words come. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LiveClient, LiveError } from '../cli/live-client.ts';
import { sendAudio } from '../cli/real-time.ts';
import type { Screen } from './screen.ts';
import { readWav } from './wav.ts';
import { wordErrors } from './word-errors.ts';

export interface SelfCheckOptions {
  /** Base address, e.g. `ws://127.0.0.1:8080`. */
  readonly url: string;
  readonly model: string;
  readonly key: string | null;
  /** Whether the model hears English words: a scripted one does not. */
  readonly expectsWords: boolean;
  readonly screen: Screen;
  /** Waited for `done` after the last byte of audio. */
  readonly patienceMs: number;
  /** How much faster than spoken the sample is sent (tests). */
  readonly speed: number;
}

/** Of the words; the default model gets the sample right but for punctuation, others need not. */
const MAX_ERROR_RATE = 0.25;

export const SAMPLE = join(import.meta.dirname, 'sample', 'jfk.wav');

async function referenceText(): Promise<string> {
  const notes = await readFile(SAMPLE.replace(/wav$/, 'txt'), 'utf8');
  return /^text: (.*)$/m.exec(notes)?.[1] ?? '';
}

/** Shows the words as they come; answers all finals as one text. */
function listen(client: LiveClient, screen: Screen): () => string {
  const finals: string[] = [];
  client.on('queued', ({ position }) =>
    screen.draft(`  … waiting for a worker${position === null ? '' : `, place ${position}`}`),
  );
  client.on('partial', ({ text }) => screen.draft(`  … ${text}`));
  client.on('reconnecting', ({ why }) => screen.line(`  connection lost (${why}), connecting again`));
  client.on('final', ({ text, startMs }) => {
    finals.push(text);
    screen.line(`  ${(startMs / 1000).toFixed(1).padStart(5)} s  ${text}`);
  });
  return () => finals.join(' ');
}

async function judge(heard: string, expectsWords: boolean): Promise<{ passed: boolean; detail: string }> {
  if (!expectsWords) return { passed: heard !== '', detail: heard === '' ? 'no final came' : 'finals came' };
  const { errors, words } = wordErrors(await referenceText(), heard);
  const passed = errors <= words * MAX_ERROR_RATE;
  return { passed, detail: `${Math.max(0, words - errors)} of ${words} words right` };
}

async function stream(client: LiveClient, { patienceMs, speed }: SelfCheckOptions): Promise<void> {
  const wav = readWav(await readFile(SAMPLE));
  const bytesPerSecond = wav.sampleRate * wav.channels * 2 * speed;
  await sendAudio(client, [wav.samples], { bytesPerSecond, chunkMs: 100 / speed, realTime: true });
  const impatience = setTimeout(() => client.close(), patienceMs);
  try {
    await client.result;
  } catch (fault) {
    const isLate = fault instanceof LiveError && fault.code === 'closed';
    throw isLate ? new Error(`no \`done\` within ${patienceMs / 1000} s`) : fault;
  } finally {
    clearTimeout(impatience);
  }
}

/** Answers whether the words came; never throws. */
export async function selfCheck(
  options: SelfCheckOptions,
): Promise<{ readonly passed: boolean; readonly detail: string }> {
  const { url, model, key } = options;
  const client = new LiveClient({
    url,
    parameters: { model },
    giveUpAfterMs: 10_000,
    ...(key === null ? {} : { key }),
  });
  const heard = listen(client, options.screen);
  try {
    await stream(client.connect(), options);
    return await judge(heard(), options.expectsWords);
  } catch (fault) {
    return { passed: false, detail: (fault as Error).message };
  } finally {
    client.close();
  }
}
