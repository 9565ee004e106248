import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentProgress } from '../../../infra/assets/progress.ts';
import { resolveModel, resolveTemporal, resolveVad } from '../../../infra/assets/resolve.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'longhand-resolve-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const settings = (over: Partial<Record<'LONGHAND_TEMPORAL_BINARY' | 'LONGHAND_VAD_FILE', string>> = {}) => ({
  LONGHAND_CACHE_DIR: join(folder, 'cache'),
  LONGHAND_TEMPORAL_BINARY: null,
  LONGHAND_VAD_FILE: null,
  ...over,
});

async function program(name: string, script: string): Promise<string> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  const path = join(folder, 'bin', name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
}
/** No network and no programs but the test's own. */
const environment = () => ({ PATH: join(folder, 'bin'), HOME: folder, PIP_CONFIG_FILE: '/dev/null' });

test('a Temporal CLI on PATH is taken when its server is recent enough', async () => {
  const path = await program('temporal', 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"');
  expect(await resolveTemporal(settings(), silentProgress, environment())).toBe(path);
});

test('a binary named by the setting is taken before the one on PATH, and an old one is only remarked upon', async () => {
  await program('temporal', 'echo "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"');
  const named = await program('mine', 'echo "temporal version 1.1.0 (Server 1.25.0, UI 2.30.0)"');
  const said: string[] = [];
  const progress = { ...silentProgress, say: (line: string) => void said.push(line) };
  const resolved = await resolveTemporal(settings({ LONGHAND_TEMPORAL_BINARY: named }), progress, environment());
  expect(resolved).toBe(named);
  expect(said.join()).toContain('1.25 is older than 1.32');
});

test('a setting that names something else than the Temporal CLI is refused by name', async () => {
  const named = await program('mine', 'echo hello');
  const resolving = resolveTemporal(settings({ LONGHAND_TEMPORAL_BINARY: named }), silentProgress, environment());
  await expect(resolving).rejects.toThrow(/LONGHAND_TEMPORAL_BINARY: .*mine is no Temporal CLI/);
});

test('a model folder must hold its three files; tokens are made from the tokenizer', async () => {
  const model = { asset: 'moonshine-tiny-en', dir: folder } as const;
  await writeFile(join(folder, 'encoder_model.ort'), 'x');
  await writeFile(join(folder, 'tokenizer.bin'), Buffer.from([1, 65]));
  await expect(resolveModel(model, settings(), silentProgress)).rejects.toThrow(/lacks decoder_model_merged\.ort$/);
  await writeFile(join(folder, 'decoder_model_merged.ort'), 'x');
  expect(await resolveModel(model, settings(), silentProgress)).toBe(folder);
  expect(await readFile(join(folder, 'tokens.txt'), 'utf8')).toBe('QQ== 0\n');
});

test('a VAD file of another checksum is refused', async () => {
  const path = join(folder, 'vad.onnx');
  await writeFile(path, 'not a network');
  const resolving = resolveVad(settings({ LONGHAND_VAD_FILE: path }), silentProgress);
  await expect(resolving).rejects.toThrow(/LONGHAND_VAD_FILE: .*vad\.onnx is not silero_vad_16k_op15\.onnx/);
});
