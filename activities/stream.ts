/** What a worker does for sessions: grants a lease, streams for it, and says that it is there. */
import { Context } from '@temporalio/activity';
import type {
  AllocateArgs,
  Lease,
  PoolActivities,
  StreamArgs,
  StreamOutcome,
  WorkerActivities,
  WorkerReport,
} from '../workflows/contract.ts';

/** The worker's leases (workers/leases.ts). */
export interface LeasesPort {
  grant(args: AllocateArgs): Lease;
  stream(args: StreamArgs): Promise<StreamOutcome>;
  revoke(args: StreamArgs): void;
  detach(args: StreamArgs): void;
  /** Ends a lease's stream at the next segment boundary. */
  handOver(leaseId: string): void;
  /** Takes no new lease, and hands all over. */
  drain(): void;
}

const STREAM_HEARTBEAT_MS = 5000;
const PRESENCE_HEARTBEAT_MS = 2000;

export function createPoolActivities(leases: Pick<LeasesPort, 'grant'>): PoolActivities {
  return { allocateWorker: (args) => Promise.resolve(leases.grant(args)) };
}

/** @param report what the worker says of itself. @param stopping aborted when the worker ends. */
export function createWorkerActivities(
  leases: Omit<LeasesPort, 'grant'>,
  report: () => WorkerReport,
  stopping: AbortSignal,
): WorkerActivities {
  return {
    streamChunks: (args) => streamChunks(leases, args),
    handOverLease: ({ leaseId }) => {
      leases.handOver(leaseId);
      return Promise.resolve();
    },
    drainWorker: () => {
      leases.drain();
      return Promise.resolve();
    },
    attendWorker: () => attendWorker(report, stopping),
  };
}

async function streamChunks(leases: Omit<LeasesPort, 'grant'>, args: StreamArgs): Promise<StreamOutcome> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), STREAM_HEARTBEAT_MS);
  // What is over in a moment need not say before that it is there.
  if (args.lean !== true) context.heartbeat();
  context.cancellationSignal.addEventListener('abort', () => {
    // Not found: the run that scheduled this activity has continued as new, and takes the lease up again.
    if (context.cancellationDetails?.notFound === true) leases.detach(args);
    else leases.revoke(args);
  });
  try {
    return await leases.stream(args);
  } finally {
    clearInterval(beat);
  }
}

/** Ends when the worker does; a heartbeat that finds the activity gone ends it too, for the next attempt is under way. */
async function attendWorker(report: () => WorkerReport, stopping: AbortSignal): Promise<void> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(report()), PRESENCE_HEARTBEAT_MS);
  context.heartbeat(report());
  try {
    await new Promise<void>((resolve) => {
      const over = (): void => resolve();
      stopping.addEventListener('abort', over, { once: true });
      context.cancellationSignal.addEventListener('abort', over, { once: true });
      if (stopping.aborted) over();
    });
  } finally {
    clearInterval(beat);
  }
}
