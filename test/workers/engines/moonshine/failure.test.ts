import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepThread, openMoonshineEngine } from '../../../../workers/engines/moonshine/engine.ts';
import { RecognitionThread } from '../../../../workers/engines/moonshine/recognition-thread.ts';
import { Recording } from '../recording.ts';

const script = new URL('failing-thread.ts', import.meta.url);
const start = (modelDir = ''): RecognitionThread =>
  new RecognitionThread({ modelDir, vadFile: '', threads: 1 }, script);

test('when the thread fails every open recogniser fails, and the next one gets a new thread', async () => {
  let threads = 1;
  const engine = keepThread(start(), () => {
    threads += 1;
    return start();
  });
  const [hit, beside] = [new Recording(engine), new Recording(engine)];
  hit.recogniser.accept(new Uint8Array(2));
  await Promise.all([hit.failed(), beside.failed()]);
  const detail = 'recognition failed: Error: native call failed';
  expect([hit.events, beside.events]).toEqual([[{ type: 'failed', detail }], [{ type: 'failed', detail }]]);
  expect(threads).toBe(1);

  const next = new Recording(engine);
  expect(threads).toBe(2);
  next.recogniser.accept(new Uint8Array(2));
  await next.failed();
  await engine.close();
});

test('a thread that cannot load says why', async () => {
  await expect(start('unloadable').ready).rejects.toThrow('cannot load');
});

test('more audio than may wait fails the recogniser instead of filling the memory', async () => {
  const engine = keepThread(start(), start);
  const recording = new Recording(engine);
  recording.recogniser.accept(new Uint8Array(24_000_002));
  await recording.failed();
  expect(recording.events).toEqual([{ type: 'failed', detail: expect.stringContaining('ahead') as string }]);
  await engine.close();
});

test('a closed engine opens nothing', async () => {
  const engine = keepThread(start(), start);
  await engine.close();
  expect(() => new Recording(engine)).toThrow('closed');
});

describe('model files', () => {
  let modelDir: string;
  let vadFile: string;

  beforeEach(async () => {
    modelDir = await mkdtemp(join(tmpdir(), 'longhand-model-'));
    vadFile = join(modelDir, 'vad.onnx');
    for (const name of ['encoder_model.ort', 'decoder_model_merged.ort', 'tokens.txt', 'vad.onnx']) {
      await writeFile(join(modelDir, name), '');
      await truncate(join(modelDir, name), 2_000_000);
    }
  });

  afterEach(() => rm(modelDir, { recursive: true }));

  test.each(['encoder_model.ort', 'decoder_model_merged.ort', 'tokens.txt', 'vad.onnx'])(
    'one that is missing or cut short is named: %s',
    async (name) => {
      const path = join(modelDir, name);
      await truncate(path, 10);
      const opened = (): Promise<unknown> => openMoonshineEngine({ modelDir, vadFile, threads: 1 });
      await expect(opened).rejects.toThrow(`model file ${path} holds 10 bytes`);
      await rm(path);
      await expect(opened).rejects.toThrow(`model file ${path} does not exist`);
    },
  );
});
