/** `longhand record ID`: a session's whole history, as a file that `longhand replay` and tests read. */
import { WorkflowNotFoundError, isGrpcServiceError } from '@temporalio/client';
import type { Command } from 'commander';
import { writeFile } from 'node:fs/promises';
import type { Config } from '../../infra/config.ts';
import { openClient } from '../../infra/temporal.ts';
import { sessionWorkflowId } from '../../workflows/contract.ts';
import { CliError } from './failure.ts';
import { fetchRecording } from './history/fetch.ts';
import { recordingText } from './history/recording.ts';
import type { Recording } from './history/recording.ts';
import { redacted } from './history/redact.ts';
import type { ReadConfig } from './server-options.ts';

export interface TenantOptions {
  readonly tenant: string;
}

export const withTenant = (command: Command): Command =>
  command.option('--tenant <name>', 'tenant of the session', 'default');

export function recordCommand(program: Command, readConfig: ReadConfig): void {
  withTenant(program.command('record').description("write a session's history to a file, for replay and tests"))
    .argument('<id>', 'id of the session, or of any workflow, e.g. worker/en-1')
    .option('--output <file>', 'file to write (default: standard output)')
    .option('--redact', 'every text is replaced by one as long')
    .action(async (id: string, options: TenantOptions & { output?: string; redact?: true }) => {
      const whole = await recordSession(readConfig(), id, options);
      const recording = options.redact ? redacted(whole) : whole;
      const text = recordingText(recording);
      if (options.output === undefined) process.stdout.write(text);
      else await writeFile(options.output, text);
      process.stderr.write(`${summary(recording)}${missing(recording)}\n`);
    });
}

/** Reads the history from Temporal. @throws CliError when Temporal or the session is not there. */
export async function recordSession(config: Config, id: string, { tenant }: TenantOptions): Promise<Recording> {
  const address = config.LONGHAND_TEMPORAL_ADDRESS ?? `127.0.0.1:${config.LONGHAND_TEMPORAL_PORT}`;
  const client = openClient(address, config.LONGHAND_TEMPORAL_NAMESPACE);
  const workflowId = id.includes('/') ? id : sessionWorkflowId({ tenant, id });
  const deadlineMs = Date.now() + config.LONGHAND_TEMPORAL_DEADLINE_MS;
  try {
    await client.withDeadline(deadlineMs, () => client.connection.ensureConnected());
    return await fetchRecording(client, workflowId);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new CliError(`Temporal at ${address} holds no ${workflowId}`);
    if (!isGrpcServiceError(error) && !isConnectFailure(error)) throw error;
    const advice = 'start it with `npm start`, or name its address by LONGHAND_TEMPORAL_ADDRESS';
    throw new CliError(`Temporal does not answer at ${address}: ${advice}`, undefined, { cause: error });
  } finally {
    await client.connection.close();
  }
}

/** The client's own words for a server that it cannot connect to in time. */
const isConnectFailure = (error: unknown): boolean =>
  error instanceof Error && /failed to connect|deadline/i.test(error.message);

function summary({ workflowId, runs, isRedacted }: Recording): string {
  const events = runs.reduce((sum, run) => sum + run.events.length, 0);
  const counts = `${runs.length} ${runs.length === 1 ? 'run' : 'runs'}, ${events} events`;
  return `${workflowId}: ${counts}${isRedacted ? ', texts redacted' : ', texts as they were said'}`;
}

const missing = ({ incomplete }: Recording): string =>
  incomplete.length === 0 ? '' : `\nnot whole, the oldest runs are past Temporal's retention: ${incomplete.join(', ')}`;
