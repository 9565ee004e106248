import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine.ts';
import type { ThreadData } from './messages.ts';
import { RecognitionThread } from './recognition-thread.ts';

type MoonshineOptions = ThreadData;

/** Smallest believable sizes in bytes: whether the files are the right ones is checked where they are fetched. */
const LEAST_BYTES = { 'encoder_model.ort': 1_000_000, 'decoder_model_merged.ort': 1_000_000, 'tokens.txt': 1000 };
const LEAST_VAD_BYTES = 100_000;

/**
 * Moonshine on sherpa-onnx with Silero VAD, in a thread of this process. Answers once the model is loaded and warm.
 * Should the thread fail, all open recognisers fail, and the next one that is opened gets a new thread.
 * Rejects with the file's name when a model file is missing or cannot be whole.
 */
export async function openMoonshineEngine(options: MoonshineOptions): Promise<Engine> {
  await checkFiles(options);
  const first = new RecognitionThread(options);
  await first.ready;
  return keepThread(first, () => new RecognitionThread(options));
}

/** An engine over one recognition thread at a time: `start` is called for a new one when the present one has failed. */
export function keepThread(first: RecognitionThread, start: () => RecognitionThread): Engine {
  let thread = first;
  let nextId = 0;
  let closed = false;
  return {
    open: (options, onEvent) => {
      if (closed) throw new Error('the engine is closed');
      if (thread.failure !== null) thread = start();
      return thread.open(nextId++, options, onEvent);
    },
    close: () => {
      closed = true;
      return thread.close();
    },
  };
}

/** sherpa-onnx ends the whole process on a file that it cannot read, so it is not given one. */
async function checkFiles({ modelDir, vadFile }: MoonshineOptions): Promise<void> {
  for (const [name, bytes] of Object.entries(LEAST_BYTES)) await checkFile(join(modelDir, name), bytes);
  await checkFile(vadFile, LEAST_VAD_BYTES);
}

async function checkFile(path: string, leastBytes: number): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found === null || !found.isFile()) throw new Error(`model file ${path} does not exist`);
  if (found.size >= leastBytes) return;
  throw new Error(`model file ${path} holds ${found.size} bytes, a whole one at least ${leastBytes}`);
}
