/** Deepgram's own SDK for Python, unmodified, against a whole installation. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noise, undisturbed } from '../harness/caller.ts';
import { pythonWith } from '../harness/python-package.ts';
import { System } from '../harness/system.ts';

const SEGMENT_MS = 400;
const MODELS = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };

test('deepgram-sdk for Python: a stream, a file and a refusal', async () => {
  const python = await pythonWith('deepgram-sdk==7.17.0', 'Deepgram’s SDK for Python');
  if (python === null) return;
  const folder = await mkdtemp(join(tmpdir(), 'longhand-python-'));
  const system = await System.start({ models: MODELS });
  try {
    const audio = noise('python', 4000);
    const file = join(folder, 'audio.raw');
    await writeFile(file, audio);
    const texts = await undisturbed(audio, SEGMENT_MS);
    const said: unknown = JSON.parse(await python('deepgram_client.py', `127.0.0.1:${system.port}`, file));
    expect(said).toEqual({
      live: {
        types: ['ListenV1Metadata', 'ListenV1Results'],
        finals: texts,
        warnings: ['endpointing'],
        request_id: 'python',
      },
      recorded: {
        transcript: texts.join(' '),
        utterances: expect.any(Number) as number,
        duration: 4,
        request_id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      },
      refused: {
        status: 400,
        body: expect.objectContaining({ err_code: 'INVALID_QUERY_PARAMETER' }) as object,
      },
    });
  } finally {
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
