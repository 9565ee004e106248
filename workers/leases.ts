/** All leases of a worker process. */
import { randomUUID } from 'node:crypto';
import { workerQueue } from '../workflows/contract.ts';
import type { AllocateArgs, Lease, StreamArgs, StreamOutcome } from '../workflows/contract.ts';
import type { CommitPort } from './committer.ts';
import type { Engine } from './engines/engine.ts';
import { StreamLease } from './lease.ts';
import type { LeaseSettings } from './lease.ts';

const REST_MS = 1000;
/**
 * After its recogniser has failed, or a gateway has refused it, a worker takes nothing new for so long: it would be free at
 * once, and take the same session.
 */
const SICK_MS = 2000;

export interface LeasesSettings extends LeaseSettings {
  /** No session is taken beyond so many; Infinity: always another one. */
  readonly maxSessions: number;
}

export class Leases {
  readonly #workerId: string;
  readonly #engine: Engine;
  readonly #commits: CommitPort;
  readonly #settings: LeasesSettings;
  readonly #changed: () => void;
  #draining = false;
  #served = 0;
  #resting = 0;
  #sick: NodeJS.Timeout | null = null;
  #emptied: (() => void) | null = null;
  readonly #leases = new Map<string, StreamLease>();

  /** @param changed a lease was granted or has ended. */
  constructor(workerId: string, engine: Engine, commits: CommitPort, settings: LeasesSettings, changed: () => void) {
    this.#workerId = workerId;
    this.#engine = engine;
    this.#commits = commits;
    this.#settings = settings;
    this.#changed = changed;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /** It has served all that it may serve. */
  get isDone(): boolean {
    return this.#leases.size === 0 && this.#served >= this.#settings.maxSessions;
  }

  /** Slots that are taken: by leases, for a moment by those just handed over; all of them while draining or sick. */
  get taken(): number {
    const isLast = this.#served + this.#leases.size >= this.#settings.maxSessions;
    return this.#draining || isLast || this.#sick !== null ? Infinity : this.#leases.size + this.#resting;
  }

  /** Workflow ids of the sessions served. */
  get sessions(): string[] {
    return [...this.#leases.values()].map(({ workflowId }) => workflowId);
  }

  grant({ workflowId, epoch, leaseTtlMs }: AllocateArgs): Lease {
    if (this.taken === Infinity) throw new Error('this worker takes no new session');
    const leaseId = randomUUID();
    const lease: Lease = { leaseId, epoch, workerId: this.#workerId, taskQueue: workerQueue(this.#workerId) };
    const services = {
      engine: this.#engine,
      commits: this.#commits,
      settings: this.#settings,
      refused: () => this.#recover(),
      ended: ({ why }: StreamOutcome) => {
        this.#leases.delete(leaseId);
        // A lease that nobody came to use is no session.
        if (why !== 'leaseExpired') this.#served += 1;
        if (why === 'handedOver') this.#rest();
        if (why === 'engineFailed') this.#recover();
        this.#changed();
        this.#emptied?.();
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

  /** The slot of a session that was handed over rests a moment, so that it is another worker that goes on. */
  #rest(): void {
    this.#resting += 1;
    setTimeout(() => {
      this.#resting -= 1;
      this.#changed();
    }, REST_MS).unref();
  }

  /** A worker that is sick must not use up a session's tries while others are well. */
  #recover(): void {
    if (this.#sick !== null) clearTimeout(this.#sick);
    this.#sick = setTimeout(() => {
      this.#sick = null;
      this.#changed();
    }, SICK_MS).unref();
  }

  /** Ends one stream at its next segment boundary. */
  handOver(leaseId: string): void {
    this.#leases.get(leaseId)?.handOver();
  }

  /** Takes no new lease; every session is handed over. */
  drain(): void {
    this.#draining = true;
    this.#changed();
    for (const lease of [...this.#leases.values()]) lease.handOver();
  }

  /** Resolves once no lease is held, or when it is aborted. */
  async empty(limit: AbortSignal): Promise<void> {
    while (this.#leases.size > 0 && !limit.aborted) {
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** The worker ends: every session goes to another one, from its last commit on. */
  releaseAll(): void {
    for (const lease of [...this.#leases.values()]) lease.release({ why: 'leaseExpired', detail: 'the worker ends' });
  }
}
