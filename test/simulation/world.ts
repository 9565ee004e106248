/** One session's whole world, disturbed for a while and then left alone: what a seed makes of it, and what must be true. */
import { ok, strictEqual as equal } from 'node:assert/strict';
import type { Lease, LiveInput, StreamArgs, StreamOutcome } from '../../workflows/contract.ts';
import { SimulatedCaller } from './caller.ts';
import { Clock } from './clock.ts';
import { Gateway } from './gateway.ts';
import type { AudioLog } from './gateway.ts';
import { Host } from './host.ts';
import type { Outside, Rules } from './host.ts';
import { speak, transcribe } from './speech.ts';
import { LEASE_TTL_MS, Worker } from './worker.ts';

/** Faults come until then; dead processes are back soon after. */
const DISTURBED_MS = 20_000;
/** By then every session has ended: the longest waits are the resume window and a heartbeat's timeout. */
const BOUND_MS = 250_000;
/** Where a gateway sees a worker go, no one waits for a heartbeat's timeout. */
const PROMPT_MS = 60_000;
/** What is late comes after the end, too. */
const AFTERLIFE_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 60_000;
const GRANT_LIMIT_MS = 750;
const RESUME_WINDOW_MS = 15_000;
/** A message may be so late. */
const LATE_MS = 3000;

/** A client is away for a moment, for about the grace after which its slot is given back, or for long. */
const AWAY_MS = [
  [50, 1000],
  [1800, 2800],
  [2000, 12_000],
] as const;

const INPUT: LiveInput = {
  kind: 'live',
  ref: { tenant: 't', id: 's' },
  model: 'en',
  language: 'en',
  priority: 'normal',
  weight: 1,
  audio: { encoding: 's16le', sampleRate: 16_000, channels: 1 },
  bounds: {
    resumeWindowMs: RESUME_WINDOW_MS,
    maxSessionMs: 120_000,
    leaseTtlMs: LEASE_TTL_MS,
    heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS,
    rotateAfterEvents: 1000,
    checkpointEverySegments: 4,
    maxParallelSpans: 1,
  },
};

/** What came of it. */
export interface Story {
  readonly state: string;
  readonly epochs: number;
  readonly faults: readonly string[];
  readonly endedMs: number;
  readonly steps: number;
}

export class World {
  readonly #clock: Clock;
  readonly #audio: string;
  readonly #log: AudioLog = { bytes: 0, sealed: false };
  readonly #host: Host;
  readonly #gateways: Gateway[];
  readonly #workers: Worker[] = [];
  readonly #caller: SimulatedCaller;
  readonly #faults: string[] = [];
  #engineFailure = 0;
  #workerCount = 0;
  #isCancelled = false;
  #text = '';
  #checked = 0;
  #idleSinceMs = 0;

  constructor(seed: number, rules: Rules) {
    this.#clock = new Clock(seed);
    // In some worlds the recogniser fails again and again.
    this.#engineFailure = this.#clock.chance(0.05) ? 0.5 : 0.02;
    this.#audio = speak(this.#clock, this.#clock.between(10, this.#clock.chance(0.3) ? 400 : 150));
    this.#host = new Host(this.#clock, rules, INPUT, this.#outside());
    this.#gateways = ['g1', 'g2'].map((name) => new Gateway(name, this.#clock, this.#host, this.#log));
    for (let n = this.#clock.between(1, 3); n > 0; n -= 1) this.#addWorker();
    this.#caller = new SimulatedCaller(this.#clock, this.#audio.length, INPUT.audio, () => this.#anyGateway());
    this.#caller.connect();
    this.#disturb();
    this.#clock.after(DISTURBED_MS, () => this.#calm());
  }

  /** @throws AssertionError when a promise is broken. */
  run(): Story {
    while (!this.#host.hasEnded && this.#clock.nowMs < BOUND_MS && this.#clock.step()) {
      this.#checkText();
      this.#checkServed();
    }
    const { phase } = this.#host.state;
    ok(phase.name === 'ended', `the session ends: it is ${phase.name} after ${BOUND_MS / 1000} s`);
    const endedMs = this.#clock.nowMs;
    const finals = this.#host.finals.length;
    while (this.#clock.nowMs < endedMs + AFTERLIFE_MS && this.#clock.step());
    equal(this.#host.finals.length, finals, 'nothing is committed after the end');
    this.#checkEnd(phase.ending.state, endedMs);
    const { epochs } = this.#host;
    return {
      state: phase.ending.state,
      epochs: epochs.length,
      faults: this.#faults,
      endedMs,
      steps: this.#clock.steps,
    };
  }

  // ---- what must be true

  /** A final tells what was said up to where it ends, no more, no less, whoever made it. */
  #checkText(): void {
    const { finals } = this.#host;
    for (; this.#checked < finals.length; this.#checked += 1) {
      const { text, endByte } = finals[this.#checked] ?? { text: '', endByte: 0 };
      this.#text += text;
      equal(this.#text, this.#said(endByte), 'the finals say what was said');
    }
  }

  /** What was said up to a byte, outside of what recognisers failed at again and again. */
  #said(endByte: number): string {
    const { holes } = this.#host.state;
    const isHeard = (byte: number): boolean => !holes.some(({ fromByte, toByte }) => byte >= fromByte && byte < toByte);
    return transcribe(
      Array.from(this.#audio.slice(0, endByte))
        .filter((_letter, byte) => isHeard(byte))
        .join(''),
    );
  }

  /** A client that is connected is served, or at least waits in the queue. */
  #checkServed(): void {
    const { nowMs } = this.#clock;
    if (this.#host.state.phase.name !== 'idle' || this.#caller.attachedSinceMs === null) this.#idleSinceMs = nowMs;
    else ok(nowMs - this.#idleSinceMs < LATE_MS, 'a client that is connected is served');
  }

  #checkEnd(ending: string, endedMs: number): void {
    const { throughByte, endForced } = this.#host.state;
    const { hasLeft, longestAwayMs } = this.#caller;
    ok(this.#log.bytes >= this.#caller.acknowledgedBytes, 'what was acknowledged is stored');
    if (ending !== 'completed') {
      ok(ending === 'failed' ? this.#faults.includes('engine') : this.#isCancelled, `it ends ${ending} for a reason`);
      return;
    }
    const unseen = hasLeft || this.#faults.includes('killGateway');
    ok(unseen || endedMs < PROMPT_MS, 'a worker that is lost is replaced at once while its gateway lives');
    const heard = Math.max(throughByte, this.#log.bytes);
    equal(this.#text, this.#said(heard), 'all that was acknowledged is transcribed, or known to be a hole');
    ok(this.#host.state.holes.length === 0 || this.#faults.includes('engine'), 'a hole has a cause');
    ok(!endForced || hasLeft || longestAwayMs > RESUME_WINDOW_MS - LATE_MS, 'a client that stays is not cut off');
    if (!endForced) equal(this.#log.bytes, this.#audio.length, 'a client that said its end was heard to the end');
  }

  // ---- what goes wrong

  #disturb(): void {
    this.#clock.after(this.#clock.between(100, 3000), () => {
      if (this.#clock.nowMs >= DISTURBED_MS) return;
      this.#fault();
      this.#disturb();
    });
  }

  #fault(): void {
    const clock = this.#clock;
    const faults: Record<string, () => void> = {
      killWorker: () => this.#killWorker(),
      hangWorker: () => this.#hangWorker(),
      killGateway: () => this.#killGateway(),
      drop: () => this.#caller.drop(clock.pick(AWAY_MS.map(([from, to]) => clock.between(from, to))) ?? 0),
      twice: () => this.#caller.connect(),
      leave: () => clock.chance(0.1) && this.#caller.leave(),
      crash: () => this.#host.crash(),
      continueAsNew: () => this.#host.continueAsNew(),
      handOver: () => this.#host.handle({ type: 'HandOver' }),
      cancel: () => clock.chance(0.05) && this.#cancel(),
    };
    const name = clock.pick(Object.keys(faults)) ?? '';
    this.#faults.push(name);
    faults[name]?.();
  }

  #killWorker(): void {
    const worker = this.#clock.pick(this.#workers);
    if (worker === undefined) return;
    worker.process.isAlive = false;
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    this.#clock.after(this.#clock.between(200, 4000), () => this.#addWorker());
  }

  #hangWorker(): void {
    const worker = this.#clock.pick(this.#workers);
    if (worker === undefined) return;
    worker.process.isHung = true;
    this.#clock.after(this.#clock.between(300, 15_000), () => worker.process.wake());
  }

  #killGateway(): void {
    const gateway = this.#clock.pick(this.#gateways.filter(({ process }) => process.isAlive));
    if (gateway === undefined) return;
    gateway.kill();
    // One of them may never come back.
    const isGone = this.#gateways.length > 1 && this.#clock.chance(0.15);
    if (isGone) this.#gateways.splice(this.#gateways.indexOf(gateway), 1);
    else this.#clock.after(this.#clock.between(100, 8000), () => gateway.start());
  }

  #cancel(): void {
    this.#isCancelled = true;
    this.#host.handle({ type: 'Cancel' });
  }

  #calm(): void {
    for (const { process } of this.#workers) process.wake();
  }

  #addWorker(): void {
    const [clock, host, audio] = [this.#clock, this.#host, this.#audio];
    const around = {
      clock,
      host,
      audio,
      engineFails: () => this.#engineFails(),
      gateway: (url: string | null) =>
        this.#gateways.find((gateway) => gateway.process.isAlive && (url === null || gateway.url === url)),
    };
    this.#workers.push(new Worker(`w${++this.#workerCount}`, 2, around));
  }

  #engineFails(): boolean {
    if (this.#clock.nowMs > DISTURBED_MS || !this.#clock.chance(this.#engineFailure)) return false;
    this.#faults.push('engine');
    return true;
  }

  #anyGateway(): Gateway | undefined {
    return this.#clock.pick(this.#gateways.filter(({ process }) => process.isAlive));
  }

  // ---- what the workflow asks for

  #outside(): Outside {
    return {
      allocate: (epoch, answer) => this.#allocate(epoch, answer),
      stream: (args, answer) => this.#stream(args, answer),
      handOver: (lease, failed) => this.#handOver(lease, failed),
    };
  }

  /** The pool's queue: waits for a slot without an end; a grant that is asked for comes soon or is asked for anew. */
  #allocate(epoch: number, answer: (lease: Lease | null) => void) {
    let isOpen = true;
    const settle = (lease: Lease | null): void => {
      if (isOpen) answer(lease);
      isOpen = false;
    };
    const poll = (): void => {
      if (!isOpen) return;
      const worker = this.#clock.pick(this.#workers.filter(({ hasSlot }) => hasSlot));
      if (worker === undefined) {
        this.#clock.after(100, poll);
        return;
      }
      worker.process.run(() => {
        const lease = worker.grant(epoch);
        this.#clock.message(() => settle(lease));
      });
      this.#clock.after(GRANT_LIMIT_MS, () => settle(null));
    };
    this.#clock.message(poll);
    return { cancel: () => void (isOpen = false) };
  }

  #stream(args: StreamArgs, answer: (outcome: StreamOutcome) => void) {
    const { leaseId, workerId } = args.lease;
    const worker = this.#workers.find(({ id }) => id === workerId);
    const onWorker = (work: () => void): void => this.#clock.message(() => worker?.process.run(work));
    let progress: 'scheduled' | 'started' | 'over' = 'scheduled';
    const over = (outcome: StreamOutcome): void => {
      if (progress === 'over') return;
      progress = 'over';
      this.#clock.message(() => answer(outcome));
    };
    const expired = { why: 'leaseExpired', detail: null } as const;
    onWorker(() => {
      if (progress !== 'scheduled') return;
      progress = 'started';
      const lease = worker?.leases.get(leaseId);
      if (lease === undefined) over(expired);
      else lease.stream(args, over);
    });
    this.#clock.after(LEASE_TTL_MS + 1000, () => progress === 'scheduled' && over(expired));
    this.#heartbeat(
      worker,
      () => progress === 'over',
      () => over(expired),
    );
    return {
      cancel: () => onWorker(() => worker?.leases.get(leaseId)?.release({ why: 'fenced', detail: 'taken back' })),
      leave: () => onWorker(() => worker?.leases.get(leaseId)?.leave(args)),
    };
  }

  /** The last resort: a worker that nobody saw go. */
  #heartbeat(worker: Worker | undefined, isOver: () => boolean, expired: () => void): void {
    this.#clock.after(HEARTBEAT_TIMEOUT_MS, () => {
      if (isOver()) return;
      if (worker?.process.isAlive !== true || worker.process.isHung) expired();
      else this.#heartbeat(worker, isOver, expired);
    });
  }

  #handOver({ leaseId, workerId }: Lease, failed: () => void): void {
    const worker = this.#workers.find(({ id }) => id === workerId);
    let isDone = false;
    this.#clock.message(() =>
      worker?.process.run(() => {
        isDone = true;
        worker.leases.get(leaseId)?.handOver();
      }),
    );
    this.#clock.after(10_000, () => !isDone && failed());
  }
}
