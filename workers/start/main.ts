/** `npm start`: everything on one machine, with a self-check. `--no-demo` leaves the check out, `--watch` is for developers. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AssetError } from '../../infra/assets/cache.ts';
import { streamProgress } from '../../infra/assets/progress.ts';
import { type Config, ConfigError, readConfig } from '../../infra/config.ts';
import { ProcessError } from '../../infra/processes/managed-process.ts';
import { SEARCH_ATTRIBUTES } from '../../workflows/contract.ts';
import { StartError } from './data-dir.ts';
import { resolveNeeds } from './needs.ts';
import { Screen } from './screen.ts';
import { selfCheck } from './self-check.ts';
import { ENTRY_POINTS } from './services.ts';
import { onStopSignals } from './stop-signals.ts';
import { type Addresses, Supervisor } from './supervisor.ts';
import { watchSources } from './watch.ts';

/** Exit codes: 0 ended as asked, 1 could not start, 2 wrong settings or arguments. */
const FAILED = 1;
const WRONG_USE = 2;

const screen = new Screen(process.stdout);
const ROOT = join(import.meta.dirname, '..', '..');

interface Flags {
  readonly demo: boolean;
  readonly watch: boolean;
}

function readFlags(args: string[]): Flags {
  const options = { 'no-demo': { type: 'boolean' }, watch: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args, options, allowPositionals: false });
  return { demo: values['no-demo'] !== true, watch: values.watch === true };
}

/** A failure that a person can act on is one message; anything else is our fault and shows where it happened. */
function explain(fault: unknown): string {
  const known = [StartError, AssetError, ProcessError, ConfigError].some((kind) => fault instanceof kind);
  if (known) return (fault as Error).message;
  return fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
}

function printAddresses({ http, temporal, temporalUi }: Addresses, dataDir: string): void {
  screen.line('');
  screen.line(`  page      ${http}/`);
  screen.line(`  API       ${http}/v1/sessions   (described at ${http}/openapi.json)`);
  screen.line(`  Temporal  ${temporalUi ?? temporal}`);
  screen.line(`  logs      ${join(dataDir, 'logs')}`);
  screen.line('');
  screen.line('Try:');
  screen.line('  npx longhand live workers/start/sample/jfk.wav');
  screen.line('  npx longhand transcribe workers/start/sample/jfk.wav');
  screen.line('  npx longhand sessions');
  screen.line('');
  screen.line('Ctrl-C ends it; what was said so far is kept.');
}

async function demonstrate(config: Config, { ws }: Addresses, isEnding: () => boolean): Promise<void> {
  const model = config.LONGHAND_DEFAULT_MODEL;
  if (config.LONGHAND_WORKERS === 0) {
    screen.line('Self-check left out: LONGHAND_WORKERS=0, there is no worker here.');
    return;
  }
  const { engine, languages } = config.LONGHAND_MODELS[model] ?? { engine: 'scripted', languages: [] };
  screen.line(`Self-check: a sample of speech through ${ws}/v1/live?model=${model}, as it is spoken:`);
  const { passed, detail } = await selfCheck({
    url: ws,
    model,
    key: config.LONGHAND_BOOTSTRAP_KEY,
    expectsWords: engine !== 'scripted' && languages.includes('en'),
    screen,
    patienceMs: 30_000,
    speed: 1,
  });
  if (isEnding()) return;
  if (passed) screen.line(`Self-check passed: ${detail}.`);
  else
    screen.line(
      `SELF-CHECK FAILED: ${detail}. The system keeps running; see ${join(config.LONGHAND_DATA_DIR, 'logs')}.`,
    );
}

function watchAndRestart(supervisor: Supervisor): void {
  screen.line('Watching the sources: what was changed is started anew.');
  watchSources(ROOT, async (groups) => {
    screen.line(`changed: starting ${[...groups].join(', ')} anew`);
    await supervisor.restart(groups).catch((fault: unknown) => screen.line(explain(fault)));
  });
}

/**
 * Ends the process when the supervisor has ended; a second signal does not wait for anything.
 * Answers a function that says whether an end was asked for.
 */
function endOnSignals(supervisor: Supervisor): () => boolean {
  let isEnding = false;
  const finish = (end: Promise<void>): void => {
    end.then(
      () => process.exit(0),
      (fault: unknown) => {
        screen.line(explain(fault));
        process.exit(FAILED);
      },
    );
  };
  const first = (): void => {
    isEnding = true;
    screen.line('Ending: sessions are brought to a safe point. Once more ends it at once.');
    finish(supervisor.stop());
  };
  onStopSignals(first, () => finish(supervisor.kill()));
  return () => isEnding;
}

async function run(config: Config, flags: Flags): Promise<void> {
  const progress = streamProgress(process.stderr);
  const supervisor = new Supervisor({
    config,
    entryPoints: ENTRY_POINTS,
    searchAttributes: SEARCH_ATTRIBUTES,
    needs: (checked) => resolveNeeds(checked, progress),
    say: (line) => screen.line(line),
  });
  const isEnding = endOnSignals(supervisor);
  screen.line(`Longhand starts (data in ${config.LONGHAND_DATA_DIR}) …`);
  const begunMs = performance.now();
  const addresses = await supervisor.start().catch((fault: unknown) => {
    if (isEnding()) return null;
    throw fault;
  });
  if (addresses === null) return;
  screen.line(`Ready after ${((performance.now() - begunMs) / 1000).toFixed(1)} s.`);
  if (flags.demo) await demonstrate(config, addresses, isEnding);
  if (isEnding()) return;
  printAddresses(addresses, config.LONGHAND_DATA_DIR);
  if (flags.watch) watchAndRestart(supervisor);
}

async function main(): Promise<void> {
  let flags: Flags;
  let config: Config;
  try {
    flags = readFlags(process.argv.slice(2));
    config = readConfig();
  } catch (fault) {
    console.error(`npm start: ${(fault as Error).message}`);
    process.exit(WRONG_USE);
  }
  await run(config, flags).catch((fault: unknown) => {
    console.error(`npm start: ${explain(fault)}`);
    process.exit(FAILED);
  });
}

await main();
