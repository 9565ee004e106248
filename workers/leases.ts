/** All leases of a worker process. */
import { randomUUID } from 'node:crypto';
import { workerQueue } from '../workflows/contract.ts';
import type { AllocateArgs, Lease, StreamArgs, StreamOutcome } from '../workflows/contract.ts';
import type { CommitPort } from './committer.ts';
import type { Engine } from './engines/engine.ts';
import { StreamLease } from './lease.ts';
import type { LeaseSettings } from './lease.ts';

export class Leases {
  readonly #workerId: string;
  readonly #engine: Engine;
  readonly #commits: CommitPort;
  readonly #settings: LeaseSettings;
  readonly #changed: () => void;
  readonly #leases = new Map<string, StreamLease>();

  /** @param changed a lease was granted or has ended. */
  constructor(workerId: string, engine: Engine, commits: CommitPort, settings: LeaseSettings, changed: () => void) {
    this.#workerId = workerId;
    this.#engine = engine;
    this.#commits = commits;
    this.#settings = settings;
    this.#changed = changed;
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Workflow ids of the sessions served. */
  get sessions(): string[] {
    return [...this.#leases.values()].map(({ workflowId }) => workflowId);
  }

  grant({ workflowId, epoch, leaseTtlMs }: AllocateArgs): Lease {
    const leaseId = randomUUID();
    const lease: Lease = { leaseId, epoch, workerId: this.#workerId, taskQueue: workerQueue(this.#workerId) };
    const services = {
      engine: this.#engine,
      commits: this.#commits,
      settings: this.#settings,
      ended: () => {
        this.#leases.delete(leaseId);
        this.#changed();
      },
    };
    this.#leases.set(leaseId, new StreamLease(lease, workflowId, leaseTtlMs, services));
    return lease;
  }

  async stream(args: StreamArgs): Promise<StreamOutcome> {
    const lease = this.#leases.get(args.lease.leaseId);
    return lease?.stream(args) ?? { why: 'leaseExpired', detail: 'the worker does not know the lease' };
  }

  /** The workflow has taken the stream back: the session is over or another worker's. */
  revoke(args: StreamArgs): void {
    this.#leases.get(args.lease.leaseId)?.release({ why: 'fenced', detail: 'taken back' });
  }

  /** The activity's run is over, the session is not. */
  detach(args: StreamArgs): void {
    this.#leases.get(args.lease.leaseId)?.detach(args);
  }

  /** The worker ends: every session goes to another one, from its last commit on. */
  releaseAll(): void {
    for (const lease of [...this.#leases.values()]) lease.release({ why: 'leaseExpired', detail: 'the worker ends' });
  }
}
