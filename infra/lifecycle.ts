/** How a process of ours starts, says that it is ready, and ends: drained on SIGTERM, or when its supervisor is gone. */
import type { Config } from './config.ts';
import { ConfigError, readConfig } from './config.ts';
import { openLog } from './log.ts';
import type { Logger } from './log.ts';

export interface Running {
  /** Sent to the supervisor. */
  readonly ready?: Readonly<Record<string, unknown>>;
  /** Resolves, with the reason, when the process has nothing left to do: then it ends as on SIGTERM. */
  readonly over?: Promise<string>;
  /** Finishes the work; the process ends after it, or when LONGHAND_DRAIN_MS are over. */
  drain(): Promise<void>;
}

/** Exit status of a process whose settings are wrong: starting it again will not help. */
const WRONG_SETTINGS = 2;

/** Runs an entry point. */
export async function runProcess(
  name: string,
  start: (config: Config, log: Logger) => Promise<Running>,
): Promise<void> {
  const config = settingsOrExit();
  const log = openLog(config.LONGHAND_LOG_LEVEL, name);
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'unhandled rejection');
    process.exit(1);
  });
  try {
    const running = await start(config, log);
    endOnSignals(running, config.LONGHAND_DRAIN_MS, log);
    process.send?.({ type: 'ready', ...running.ready });
    log.info({ ...running.ready, pid: process.pid }, 'ready');
  } catch (error) {
    log.fatal({ err: error }, 'cannot start');
    process.exit(1);
  }
}

function settingsOrExit(): Config {
  try {
    return readConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(WRONG_SETTINGS);
  }
}

function endOnSignals(running: Running, drainMs: number, log: Logger): void {
  let ending = false;
  const end = (why: string): void => {
    // A second signal does not wait.
    if (ending) process.exit(1);
    ending = true;
    log.info({ why }, 'ending');
    setTimeout(() => {
      log.warn({ drainMs }, 'the work did not end in time');
      process.exit(1);
    }, drainMs + 1000).unref();
    running.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'draining failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', () => end('SIGTERM'));
  process.on('SIGINT', () => end('SIGINT'));
  process.on('disconnect', () => end('the supervisor is gone'));
  void running.over?.then(end);
}
