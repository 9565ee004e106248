/** Before the first test that needs servers: what they run on is fetched once, and kept in the cache. */
import { streamProgress } from '../../infra/assets/progress.ts';
import { resolveModel, resolveTemporal, resolveVad } from '../../infra/assets/resolve.ts';
import { readConfig } from '../../infra/config.ts';

export default async function globalSetup(): Promise<void> {
  const config = readConfig();
  const progress = streamProgress(process.stderr);
  await resolveTemporal(config, progress);
  await resolveModel({ asset: 'moonshine-tiny-en', dir: null }, config, progress);
  await resolveVad(config, progress);
}
