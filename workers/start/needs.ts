/** What has to be on this machine before the processes start: model folders, the VAD file, the Temporal binary. */
import type { Progress } from '../../infra/assets/progress.ts';
import { resolveModel, resolveTemporal, resolveVad } from '../../infra/assets/resolve.ts';
import { mostLocalWorkers } from '../../infra/config.ts';
import type { Config, ModelConfig } from '../../infra/config.ts';

export interface Needs {
  /** As configured, with the folder of each model that is read from disk. */
  readonly models: Readonly<Record<string, ModelConfig>>;
  readonly vadFile: string | null;
  /** Null: Temporal is not ours. */
  readonly temporalBinary: string | null;
}

/** @throws AssetError, ConfigError */
export async function resolveNeeds(config: Config, progress: Progress): Promise<Needs> {
  const models: Record<string, ModelConfig> = {};
  let vadFile: string | null = null;
  const hasWorkers = mostLocalWorkers(config) > 0;
  for (const [name, model] of Object.entries(config.LONGHAND_MODELS)) {
    const isRead = model.engine === 'moonshine' && hasWorkers;
    models[name] = isRead ? { ...model, dir: await resolveModel(model, config, progress) } : model;
    if (isRead) vadFile ??= await resolveVad(config, progress);
  }
  const isOurs = config.LONGHAND_TEMPORAL_ADDRESS === null;
  return { models, vadFile, temporalBinary: isOurs ? await resolveTemporal(config, progress) : null };
}
