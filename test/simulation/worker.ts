/** A worker as a model: grants leases, recognises, commits; may die, or hang and wake up as one that was replaced. */
import type { Lease, Segment, StreamArgs, StreamOutcome } from '../../workflows/contract.ts';
import { Process } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Gateway, WorkerEnd } from './gateway.ts';
import type { Host } from './host.ts';
import { SEGMENT_BYTES, transcribe } from './speech.ts';

export const LEASE_TTL_MS = 5000;
const GATEWAY_GRACE_MS = 5000;
const SILENCE_BYTES = 40;

/** What a worker has around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly host: Host;
  /** What the client says, for the recogniser to hear. */
  readonly audio: string;
  /** A recogniser fails by chance. */
  engineFails(): boolean;
  gateway(url: string | null): Gateway | undefined;
}

type Ending = 'end' | 'paused' | 'gatewayLost' | 'handedOver';

export class Worker {
  readonly id: string;
  readonly process = new Process();
  readonly leases = new Map<string, StreamLease>();
  readonly #around: Surroundings;
  readonly #slots: number;

  constructor(id: string, slots: number, around: Surroundings) {
    [this.id, this.#slots, this.#around] = [id, slots, around];
  }

  get hasSlot(): boolean {
    return this.process.isAlive && this.leases.size < this.#slots;
  }

  grant(epoch: number): Lease {
    const leaseId = `${this.id}/${this.#around.clock.steps}/${epoch}`;
    const lease: Lease = { leaseId, epoch, workerId: this.id, taskQueue: `worker.${this.id}` };
    this.leases.set(leaseId, new StreamLease(lease, this, this.#around));
    return lease;
  }
}

export class StreamLease {
  readonly #lease: Lease;
  readonly #worker: Worker;
  readonly #around: Surroundings;
  #args: StreamArgs | null = null;
  #answer: ((outcome: StreamOutcome) => void) | null = null;
  #link: (WorkerEnd & { readonly gateway: Gateway }) | null = null;
  #use = 0;
  #released = false;
  #lostAtMs: number | null = null;
  // The recogniser.
  #receivedByte = 0;
  #atByte = 0;
  #startByte = 0;
  #nextIndex = 0;
  #ending: Ending | null = null;
  #endingGeneration = 0;
  #concluded: StreamOutcome | null = null;
  // The committer.
  #waiting: Segment[] = [];
  #throughByte = 0;
  #committedByte = 0;
  #committing = false;
  #held = false;

  constructor(lease: Lease, worker: Worker, around: Surroundings) {
    [this.#lease, this.#worker, this.#around] = [lease, worker, around];
    this.#expireUnused();
  }

  // ---- the activity

  stream(args: StreamArgs, answer: (outcome: StreamOutcome) => void): void {
    this.#use += 1;
    this.#say({ why: 'superseded', detail: null });
    const before = this.#args;
    this.#args = args;
    this.#answer = answer;
    if (before === null) this.#begin(args);
    else if (before.gateway?.instance !== args.gateway?.instance || before.drain !== args.drain) this.#dial();
    this.#held = false;
    this.#commitNext();
    if (this.#concluded !== null) this.release(this.#concluded);
  }

  /** The run is over, the session is not. */
  leave(args: StreamArgs): void {
    if (this.#args !== args || this.#released) return;
    this.#say({ why: 'superseded', detail: null });
    this.#expireUnused();
  }

  release(outcome: StreamOutcome): void {
    if (this.#released) return;
    this.#released = true;
    this.#worker.leases.delete(this.#lease.leaseId);
    this.#unlink();
    this.#say(outcome);
  }

  handOver(): void {
    this.#finishAs('handedOver');
  }

  #say(outcome: StreamOutcome): void {
    this.#answer?.(outcome);
    this.#answer = null;
  }

  #expireUnused(): void {
    const use = this.#use;
    this.#after(LEASE_TTL_MS, () => {
      if (use === this.#use) this.release({ why: 'leaseExpired', detail: 'nobody used the lease' });
    });
  }

  #begin({ fromByte, nextIndex }: StreamArgs): void {
    this.#nextIndex = nextIndex;
    this.#receivedByte = this.#atByte = this.#startByte = fromByte;
    this.#throughByte = this.#committedByte = fromByte;
    this.#dial();
  }

  // ---- the gateway

  #unlink(): void {
    const link = this.#link;
    this.#link = null;
    link?.gateway.left(link);
  }

  #dial(): void {
    const args = this.#args;
    if (args === null || this.#released) return;
    this.#unlink();
    const gateway = this.#around.gateway(args.gateway?.url ?? null);
    if (gateway === undefined) {
      this.#lost();
      return;
    }
    this.#lostAtMs = null;
    const { process } = this.#worker;
    const link = {
      process,
      args,
      gateway,
      heard: (bytes: number) => this.#heard(bytes),
      told: (what: 'end' | 'pause') => this.#finishAs(what === 'end' ? 'end' : 'paused'),
      closed: (why: 'lost' | 'fenced') => {
        if (this.#link !== link) return;
        this.#link = null;
        if (why === 'fenced') this.release({ why: 'fenced', detail: null });
        else this.#lost();
      },
    };
    this.#link = link;
    gateway.dial(link, this.#receivedByte);
  }

  #lost(): void {
    if (this.#released) return;
    const { clock } = this.#around;
    this.#lostAtMs ??= clock.nowMs;
    if (clock.nowMs - this.#lostAtMs > GATEWAY_GRACE_MS) this.#finishAs('gatewayLost');
    else this.#after(clock.between(50, 500), () => this.#link === null && this.#dial());
  }

  // ---- the recogniser

  #heard(bytes: number): void {
    if (this.#ending !== null || this.#released) return;
    if (this.#around.engineFails()) {
      this.release({ why: 'engineFailed', detail: null });
      return;
    }
    this.#receivedByte += bytes;
    while (this.#nextBoundary() <= this.#receivedByte) this.#makeFinal(this.#nextBoundary());
    const isIdle = !this.#committing && this.#waiting.length === 0;
    if (isIdle && this.#startByte - this.#committedByte > SILENCE_BYTES) this.#advance(this.#startByte);
  }

  #nextBoundary(): number {
    return (Math.floor(this.#atByte / SEGMENT_BYTES) + 1) * SEGMENT_BYTES;
  }

  /** What lies before the end and is silence goes with the final that follows it. */
  #makeFinal(endByte: number): void {
    const text = transcribe(this.#around.audio.slice(this.#atByte, endByte));
    this.#atByte = endByte;
    if (text !== '') {
      const index = this.#nextIndex++;
      const [startByte, startMs, endMs] = [this.#startByte, this.#startByte * 100, endByte * 100];
      const more = { words: [], timing: 'model', channel: 0 } as const;
      this.#waiting.push({ index, startMs, endMs, text, startByte, endByte, ...more });
      this.#throughByte = endByte;
    }
    this.#startByte = endByte;
    this.#commitNext();
  }

  #advance(throughByte: number): void {
    this.#throughByte = Math.max(this.#throughByte, throughByte);
    this.#commitNext();
  }

  #finishAs(ending: Ending): void {
    if (this.#ending !== null || this.#released) return;
    this.#ending = ending;
    this.#endingGeneration = this.#args?.generation ?? 0;
    // A handover ends at the last final: what was heard since is heard again by the next worker.
    if (ending !== 'handedOver') {
      if (this.#atByte < this.#receivedByte) this.#makeFinal(this.#receivedByte);
      if (ending !== 'end') this.#advance(this.#receivedByte);
    }
    this.#conclude();
  }

  #conclude(): void {
    if (this.#ending === null || this.#concluded !== null || this.#committing || this.#hasWork()) return;
    this.#concluded = { why: this.#ending, detail: null, generation: this.#endingGeneration };
    if (this.#answer !== null) this.release(this.#concluded);
  }

  // ---- the committer

  #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#throughByte > this.#committedByte;
  }

  #commitNext(): void {
    if (this.#committing || this.#held || this.#released || !this.#hasWork()) return;
    this.#committing = true;
    const segments = [...this.#waiting];
    const throughByte = this.#throughByte;
    let isAnswered = false;
    this.#persist(
      { epoch: this.#lease.epoch, segments, throughByte },
      (answer) => {
        if (isAnswered || this.#released) return;
        isAnswered = true;
        if (answer === 'fenced') {
          this.release({ why: 'fenced', detail: null });
          return;
        }
        this.#committing = false;
        this.#waiting = this.#waiting.slice(segments.length);
        this.#committedByte = throughByte;
        if (answer.rotate) {
          this.#held = true;
          this.#say({ why: 'rotate', detail: null });
          this.#expireUnused();
        }
        this.#commitNext();
        this.#conclude();
      },
      () => isAnswered,
    );
  }

  /** The commit or its answer may be lost: it is repeated, and may come twice, the second one late. */
  #persist(
    commit: Parameters<Host['commit']>[0],
    answered: (answer: ReturnType<Host['commit']>) => void,
    isAnswered: () => boolean,
  ): void {
    const { clock, host } = this.#around;
    if (!clock.chance(0.08)) {
      clock.message(() => {
        const answer = host.commit(commit, this.#lease.leaseId);
        if (!clock.chance(0.08)) clock.message(() => this.#worker.process.run(() => answered(answer)));
      });
    }
    this.#after(clock.between(100, 600), () => {
      if (!isAnswered() && !this.#released) this.#persist(commit, answered, isAnswered);
    });
  }

  #after(ms: number, work: () => void): void {
    this.#around.clock.after(ms, () => this.#worker.process.run(work));
  }
}
