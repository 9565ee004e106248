/** `longhand delete ID...`: deletes everything of sessions, and ends once nothing of them is left. */
import type { Command } from 'commander';
import { onStopSignals } from '../start/stop-signals.ts';
import { CliError, EXIT, Refused } from './failure.ts';
import { inLanes } from './lanes.ts';
import { PATIENCE, patiently } from './patience.ts';
import type { RestClient } from './rest-client.ts';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';

/** Sessions that are deleted side by side. */
const LANES = 4;

export function deleteCommand(program: Command, readConfig: ReadConfig): void {
  withServer(
    program.command('delete').description('delete everything of sessions, running or ended; wait until it is gone'),
  )
    .argument('<ids...>', 'ids of the sessions')
    .action(async (ids: string[], options: ServerOptions) => {
      const rest = restClient(readConfig(), options);
      await rest.check();
      await deleteAll(rest, [...new Set(ids)]);
    });
}

async function deleteAll(rest: RestClient, ids: readonly string[]): Promise<void> {
  const abort = new AbortController();
  const stopListening = onStopSignals(
    () => abort.abort(),
    () => process.exit(EXIT.interrupted),
  );
  let failed = 0;
  try {
    const gone = inLanes(ids, LANES, (id) => deleteOne(rest, id, abort.signal));
    for (const [i, id] of ids.entries()) {
      try {
        await gone[i];
        process.stdout.write(`${id} is deleted.\n`);
      } catch (error) {
        if (abort.signal.aborted) break;
        if (!(error instanceof CliError)) throw error;
        failed += 1;
        process.stderr.write(`longhand: ${id}: ${error.message}\n`);
      }
    }
  } finally {
    stopListening();
  }
  if (abort.signal.aborted) throw new CliError('left. What was asked for is deleted all the same', EXIT.interrupted);
  if (failed > 0) throw new CliError(ids.length > 1 ? `${failed} of ${ids.length} sessions are not deleted` : '');
}

/** A service that is away for a moment is asked again. @throws Refused for a session that is not there */
async function deleteOne(rest: RestClient, id: string, signal: AbortSignal): Promise<void> {
  let isAsked = false;
  const ask = async (): Promise<boolean> => {
    try {
      return await rest.delete(id, signal);
    } catch (error) {
      // Asked for before, whether or not that was answered: it is gone by now.
      if (isAsked && error instanceof Refused && error.code === 'not_found') return true;
      throw error;
    } finally {
      isAsked = true;
    }
  };
  // The service itself waits for a while before it says that the deletion goes on.
  while (!(await patiently(ask, PATIENCE, signal)));
}
