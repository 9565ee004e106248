/** `longhand cancel ID`: ends a session; what was transcribed so far is kept. */
import type { Command } from 'commander';
import { restClient, withServer } from './server-options.ts';
import type { ReadConfig, ServerOptions } from './server-options.ts';

export function cancelCommand(program: Command, readConfig: ReadConfig): void {
  withServer(program.command('cancel').description('end a session; what was transcribed so far is kept'))
    .argument('<id>', 'id of the session')
    .action(async (id: string, options: ServerOptions) => {
      const { state } = await restClient(readConfig(), options).cancel(id);
      const ended = ['completed', 'stopped', 'cancelled', 'failed'].includes(state);
      process.stdout.write(ended ? `${id} is ${state}.\n` : `${id} is being cancelled.\n`);
    });
}
