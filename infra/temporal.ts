/** Connections to Temporal, for the processes that are its clients and workers. */
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './log.ts';

const RETRY_MS = 250;

/** A page of a history may be larger than the 4 MiB that gRPC takes by default: Temporal's own bound is this. */
const MAX_ANSWER_BYTES = 128 << 20;

/** A client whose connection is made when first used and made again when it breaks. */
export function openClient(address: string, namespace: string): Client {
  return new Client({
    connection: Connection.lazy({ address, channelArgs: { 'grpc.max_receive_message_length': MAX_ANSWER_BYTES } }),
    namespace,
  });
}

/** The SDK's own log lines go to ours. Once per process, before anything else of the SDK. */
export function installRuntime(log: Logger): void {
  const logger = new DefaultLogger('WARN', ({ level, message, meta }) => {
    const facts = { sdk: true, ...meta };
    if (level === 'ERROR') log.error(facts, message);
    else log.warn(facts, message);
  });
  // Signals are the entry point's: it drains before it shuts the SDK down.
  Runtime.install({ logger, shutdownSignals: [] });
}

/** A worker's connection; waits for a server that is not there yet, for as long as `limitMs`. */
export async function openWorkerConnection(address: string, limitMs: number): Promise<NativeConnection> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    try {
      return await NativeConnection.connect({ address });
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await pause(RETRY_MS);
    }
  }
}
