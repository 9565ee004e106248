/** A gateway as a model: takes audio in, stores and acknowledges it, feeds a worker, watches it, tells the workflow. */
import type { GatewayAddress, StreamArgs } from '../../workflows/contract.ts';
import { Process } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Host } from './host.ts';

/** The audio log: one for all, append-only; nobody appends where somebody else did. */
export interface AudioLog {
  bytes: number;
  sealed: boolean;
}

export interface ClientEnd {
  readonly id: string;
  /** Nothing, once the connection is broken. */
  acknowledged(bytes: number): void;
  attached(durableBytes: number): void;
  over(): void;
  broken(): void;
}

export interface WorkerEnd {
  readonly process: Process;
  readonly args: StreamArgs;
  heard(bytes: number): void;
  told(what: 'end' | 'pause'): void;
  closed(why: 'lost' | 'fenced'): void;
}

const STORE_EVERY_MS = 500;
const GRACE_MS = 2000;
const SILENCE_MS = 1000;

export class Gateway {
  readonly url: string;
  process = new Process();
  #starts = 0;
  readonly #clock: Clock;
  readonly #host: Host;
  readonly #log: AudioLog;
  #client: ClientEnd | null = null;
  /** Audio this gateway has taken in: stored up to `#storedByte`; null when it takes none in. */
  #receivedByte: number | null = null;
  #storedByte = 0;
  #worker: WorkerEnd | null = null;
  #sentByte = 0;
  #endSent = false;
  #grace = 0;

  constructor(name: string, clock: Clock, host: Host, log: AudioLog) {
    this.url = `ws://${name}`;
    [this.#clock, this.#host, this.#log] = [clock, host, log];
  }

  get address(): GatewayAddress {
    return { url: this.url, instance: `${this.url}#${this.#starts}` };
  }

  // ---- clients

  /** While a client is being attached the worker is not told that there is none: the real gateway tells it, and makes it good. */
  attach(client: ClientEnd, audio: Parameters<Host['attach']>[0]['audio']): void {
    this.#grace += 1;
    const attach = { gateway: this.address, connection: client.id, audio };
    this.#ask(() => {
      const answer = this.#host.attach(attach);
      this.#message(() => {
        if (answer === 'ended') client.over();
        else this.#take(client);
      });
    });
  }

  #take(client: ClientEnd): void {
    this.#client?.broken();
    this.#store();
    this.#client = client;
    this.#grace += 1;
    if (this.#receivedByte !== this.#log.bytes) this.#receivedByte = this.#storedByte = this.#log.bytes;
    client.attached(this.#log.bytes);
    this.#storeLater();
  }

  audio(client: ClientEnd, from: number, end: number): void {
    if (this.#client !== client || this.#log.sealed || this.#receivedByte !== from) return;
    this.#receivedByte = end;
    this.#feed();
  }

  end(client: ClientEnd): void {
    if (this.#client === client) this.#finishAudio(false);
  }

  gone(client: ClientEnd): void {
    if (this.#client === client) {
      this.#client = null;
      this.#store();
      this.#startGrace();
    }
    this.#tell(() => this.#host.handle({ type: 'Detach', connection: client.id }));
  }

  // ---- audio

  #storeLater(): void {
    this.#after(STORE_EVERY_MS, () => {
      this.#store();
      if (this.#client !== null) this.#storeLater();
    });
  }

  /** Somebody else has appended: the session is served there. */
  #store(): void {
    if (this.#receivedByte === null || this.#receivedByte === this.#storedByte) return;
    if (this.#log.sealed || this.#log.bytes !== this.#storedByte) {
      this.#client?.broken();
      this.#client = this.#receivedByte = null;
      return;
    }
    this.#log.bytes = this.#storedByte = this.#receivedByte;
    this.#client?.acknowledged(this.#log.bytes);
  }

  #finishAudio(isDrain: boolean): void {
    this.#store();
    // Served elsewhere: the end is the other's to tell, unless no more is taken anywhere.
    if (this.#receivedByte === null && !isDrain) return;
    this.#log.sealed = true;
    const endByte = this.#log.bytes;
    this.#tell(() => this.#host.handle({ type: 'FinishAudio', endByte }));
    this.#feed();
  }

  // ---- the worker

  dial(worker: WorkerEnd, fromByte: number): void {
    const { drain, lease } = worker.args;
    if (this.#worker !== null && this.#worker.args.lease.epoch > lease.epoch) {
      worker.closed('fenced');
      return;
    }
    if (this.#worker !== null && this.#worker.args.lease.epoch < lease.epoch) this.#worker.closed('fenced');
    if (drain) this.#finishAudio(true);
    this.#worker = worker;
    this.#sentByte = fromByte;
    this.#endSent = false;
    if (this.#client === null) this.#startGrace();
    this.#watch(worker);
    this.#feed();
  }

  #feed(): void {
    const worker = this.#worker;
    if (worker === null) return;
    const available = Math.max(this.#log.bytes, this.#log.sealed ? 0 : (this.#receivedByte ?? 0));
    if (available > this.#sentByte) {
      const bytes = available - this.#sentByte;
      this.#sentByte = available;
      this.#toWorker(worker, () => worker.heard(bytes));
    }
    if (!this.#log.sealed || this.#endSent) return;
    this.#endSent = true;
    this.#toWorker(worker, () => worker.told('end'));
  }

  /** On one connection nothing overtakes. */
  #toWorker(worker: WorkerEnd, work: () => void): void {
    this.#after(5, () => {
      if (this.#worker === worker) worker.process.run(work);
    });
  }

  /** A worker that is gone or says nothing is reported; one that hangs is let go. */
  #watch(worker: WorkerEnd): void {
    this.#after(SILENCE_MS / 4, () => {
      if (this.#worker !== worker) return;
      if (worker.process.isAlive && !worker.process.isHung) {
        // Another gateway may have stored what this one has not.
        this.#feed();
        this.#watch(worker);
        return;
      }
      this.#worker = null;
      const { epoch } = worker.args.lease;
      if (worker.process.isHung) worker.process.run(() => worker.closed('lost'));
      this.#tell(() => this.#host.handle({ type: 'LoseWorker', epoch }));
    });
  }

  /** The lease has ended or dials elsewhere. */
  left(worker: WorkerEnd): void {
    if (this.#worker === worker) this.#worker = null;
  }

  #startGrace(): void {
    const grace = ++this.#grace;
    this.#after(GRACE_MS, () => {
      const worker = this.#worker;
      if (grace !== this.#grace || this.#client !== null || this.#log.sealed || worker === null) return;
      this.#toWorker(worker, () => worker.told('pause'));
    });
  }

  // ---- the process

  kill(): void {
    const { process } = this;
    process.isAlive = false;
    const [client, worker] = [this.#client, this.#worker];
    this.#client = this.#worker = this.#receivedByte = null;
    this.#clock.after(5, () => client?.broken());
    this.#clock.after(5, () => worker?.process.run(() => worker.closed('lost')));
  }

  start(): void {
    this.process = new Process();
    this.#starts += 1;
    this.#grace += 1;
    this.#storedByte = 0;
  }

  #after(ms: number, work: () => void): void {
    const { process } = this;
    this.#clock.after(ms, () => process.run(work));
  }

  #message(work: () => void): void {
    const { process } = this;
    this.#clock.message(() => process.run(work));
  }

  #ask(work: () => void): void {
    this.#clock.message(work);
  }

  /** A signal is repeated until it is answered: its answer, or the signal itself, may be lost on the way. */
  #tell(work: () => void): void {
    const { process } = this;
    const isLost = this.#clock.chance(0.1);
    if (!isLost) this.#clock.message(work);
    if (isLost || this.#clock.chance(0.1)) {
      this.#clock.after(this.#clock.between(100, 800), () => process.run(() => this.#tell(work)));
    }
  }
}
