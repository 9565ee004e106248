import { resolveModel, resolveVad } from '../../infra/assets/resolve.ts';
import { silentProgress } from '../../infra/assets/progress.ts';
import { readConfig } from '../../infra/config.ts';
import type { EngineFiles } from '../../workers/engines/open.ts';

/** The default model and the VAD as the product gets them: from the cache, else fetched (44 MB, once a machine). */
export async function modelFiles(): Promise<EngineFiles> {
  const settings = readConfig();
  const [modelDir, vadFile] = await Promise.all([
    resolveModel({ asset: 'moonshine-tiny-en', dir: null }, settings, silentProgress),
    resolveVad(settings, silentProgress),
  ]);
  return { modelDir, vadFile };
}
