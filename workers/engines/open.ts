import type { Engine } from './engine.ts';
import { openMoonshineEngine } from './moonshine/engine.ts';
import { openScriptedEngine, type ScriptedOptions } from './scripted.ts';

/** What is needed of a model's configuration (an entry of LONGHAND_MODELS). */
type EngineConfig = ({ readonly engine: 'scripted' } & ScriptedOptions) | { readonly engine: 'moonshine' };

/** Where a model's files lie, checked and complete. */
export interface EngineFiles {
  readonly modelDir: string;
  readonly vadFile: string;
}

/** Parallelise by session: a second thread makes one decode little faster. */
const THREADS = 1;

/**
 * Opens the engine that a model's configuration names. `resolveFiles` is asked for the model's files by the engines that
 * have some; its errors, and those of loading, reject.
 */
export async function openEngine(config: EngineConfig, resolveFiles: () => Promise<EngineFiles>): Promise<Engine> {
  switch (config.engine) {
    case 'scripted':
      return openScriptedEngine(config);
    case 'moonshine': {
      const { modelDir, vadFile } = await resolveFiles();
      return openMoonshineEngine({ modelDir, vadFile, threads: THREADS });
    }
    default:
      return config satisfies never;
  }
}
