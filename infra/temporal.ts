/** Connections to Temporal, for the processes that are its clients and workers. */
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './log.ts';

const RETRY_MS = 250;

/** A page of a history may be larger than the 4 MiB that gRPC takes by default: Temporal's own bound is this. */
const MAX_ANSWER_BYTES = 128 << 20;

/**
 * A server that was away is found again within this, however long it was away. gRPC's own pauses between two attempts to
 * connect grow to two minutes, the SDK's between two attempts of a call to 5 s: finals that are made already would wait on.
 */
const LAST_PAUSE_MS = 1000;
const CHANNEL_ARGS = {
  'grpc.max_receive_message_length': MAX_ANSWER_BYTES,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': LAST_PAUSE_MS,
};

/** Of a call without a deadline: for 20 s in all, as by the SDK's own. */
const ATTEMPTS = 24;
/** A server that has too much to do is left alone for the SDK's own, longer pauses. https://grpc.io/docs/guides/status-codes */
const isExhausted = ({ code }: { readonly code: number }): boolean => code === 8;

const usual = defaultGrpcRetryOptions();
const patient = defaultGrpcRetryOptions({ maxAttempts: ATTEMPTS });
const RETRY: typeof usual = {
  retryableDecider: (attempt, status) => (isExhausted(status) ? usual : patient).retryableDecider(attempt, status),
  delayFunction: (attempt, status) => {
    const pauseMs = usual.delayFunction(attempt, status);
    return isExhausted(status) ? pauseMs : Math.min(pauseMs, LAST_PAUSE_MS);
  },
};

type Interceptor = ReturnType<typeof makeGrpcRetryInterceptor>;
type Call = ReturnType<Parameters<Interceptor>[1]>;
type Status = Parameters<typeof usual.retryableDecider>[1];

/**
 * Tries calls again, as the SDK does; of one that waits for that while its connection is closed, the failure stands. (The
 * SDK's next attempt is thrown out of a timer, which ends the process, and leaves who called without an answer.)
 */
export const retrying: Interceptor = (options, nextCall) => {
  let failed: Status | null = null;
  let isClosed = false;
  const retryableDecider: typeof usual.retryableDecider = (attempt, status) => {
    failed = status;
    return !isClosed && RETRY.retryableDecider(attempt, status);
  };
  return makeGrpcRetryInterceptor({ ...RETRY, retryableDecider })(options, (again) => {
    try {
      return nextCall(again);
    } catch (error) {
      // The first attempt is thrown to who called.
      if (failed === null) throw error;
      isClosed = true;
      return endedCall(failed);
    }
  });
};

/** A call that is over as soon as it begins. */
const endedCall = (status: Status): Call => ({
  start: (_metadata, listener) => listener?.onReceiveStatus?.(status),
  sendMessage: () => undefined,
  sendMessageWithContext: () => undefined,
  startRead: () => undefined,
  halfClose: () => undefined,
  cancelWithStatus: () => undefined,
  getPeer: () => '',
  getAuthContext: () => null,
});

/** A client whose connection is made when first used and made again when it breaks. */
export function openClient(address: string, namespace: string): Client {
  const options = { address, channelArgs: CHANNEL_ARGS, interceptors: [retrying] };
  return new Client({ connection: Connection.lazy(options), namespace });
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
