/** OpenAI's own SDK for Python, unmodified, against a whole installation. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noise, undisturbed } from '../harness/caller.ts';
import { wav } from '../harness/files.ts';
import { pythonWith } from '../harness/python-package.ts';
import { System } from '../harness/system.ts';
import { upsampled } from '../harness/upsampled.ts';

const SEGMENT_MS = 500;
const MODELS = { en: { engine: 'scripted', segmentMs: SEGMENT_MS } };

test('openai for Python: files in every shape, models, refusals and a Realtime session', async () => {
  const python = await pythonWith('openai[realtime]==3.57.0', 'OpenAI’s SDK for Python');
  if (python === null) return;
  const folder = await mkdtemp(join(tmpdir(), 'longhand-python-'));
  const system = await System.start({ models: MODELS });
  try {
    const audio = noise('python', 4000);
    const [file, raw] = [join(folder, 'audio.wav'), join(folder, 'audio.raw')];
    await writeFile(file, wav(audio));
    await writeFile(raw, upsampled(audio));
    const text = (await undisturbed(audio, SEGMENT_MS)).join(' ');
    const said: unknown = JSON.parse(await python('openai_client.py', `127.0.0.1:${system.port}`, file, raw));
    expect(said).toEqual({
      models: ['en', 'whisper-1', 'gpt-transcribe', 'gpt-4o-transcribe', 'gpt-4o-mini-transcribe'],
      files: {
        json: text,
        verbose: {
          type: 'TranscriptionVerbose',
          text,
          duration: 4,
          segments: ` ${text}`,
          doubtful: 0,
          words: expect.any(Number) as number,
        },
        srt: expect.stringMatching(/^1\n00:00:00,\d{3} --> /) as string,
        events: ['TranscriptionTextDeltaEvent', 'TranscriptionTextDoneEvent'],
        deltas: text,
        done: text,
      },
      refused: { audio: [400, 'unsupported_format', 'file'], model: [404, 'model_not_found', 'model'] },
      realtime: {
        created: 'session.created',
        types: expect.arrayContaining(['session.updated', 'input_audio_buffer.committed']) as string[],
        transcripts: [expect.stringMatching(/\w/) as string],
      },
    });
  } finally {
    await system.stop();
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
