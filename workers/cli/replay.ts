/** `longhand replay FILE|ID`: does the present workflow code still do what a recorded history says? */
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { CliError } from './failure.ts';
import { readRecording } from './history/recording.ts';
import { Replayer } from './history/replayer.ts';
import type { RunReplay } from './history/replayer.ts';
import { recordSession, withTenant } from './record.ts';
import type { TenantOptions } from './record.ts';
import type { ReadConfig } from './server-options.ts';

export function replayCommand(program: Command, readConfig: ReadConfig): void {
  withTenant(program.command('replay').description('replay a recorded history against the present workflow code'))
    .argument('<file-or-id>', 'file of `longhand record`, or id of a session')
    .action(async (what: string, options: TenantOptions) => {
      const { runs } = existsSync(what) ? await readRecording(what) : await recordSession(readConfig(), what, options);
      const replayer = await Replayer.open();
      let different = 0;
      for await (const replay of replayer.replay(runs)) {
        process.stdout.write(replayLine(replay));
        if (replay.difference !== null) different += 1;
      }
      if (different > 0) throw new CliError(`${different} of ${runs.length} runs differ from the present code`);
    });
}

/** A line for a run that replays; two for one that does not. */
export function replayLine({ run, difference }: RunReplay): string {
  const name = `${run.workflowId} ${run.runId} (${run.workflowType}, ${run.events.length} events)`;
  if (difference === null) return `ok      ${name}\n`;
  const { eventId, eventType, message } = difference;
  return `DIFFERS ${name}\n        at event ${eventId} ${eventType}: ${message}\n`;
}
