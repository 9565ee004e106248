/**
 * One lease: a recogniser, its connection to a gateway, and its commits. They belong to the lease and not to the activity,
 * so that the workflow can continue as new in the middle of a sentence.
 */
import { PLANE_CLOSE } from '../workflows/audio-plane.ts';
import type { AudioDial, ToWorker } from '../workflows/audio-plane.ts';
import { LOG_BYTES_PER_MS } from '../workflows/contract.ts';
import type { Lease, Segment, StreamArgs, StreamOutcome } from '../workflows/contract.ts';
import { Committer } from './committer.ts';
import type { CommitPort } from './committer.ts';
import type { Engine, FinalResult, Recogniser, RecogniserEvent } from './engines/engine.ts';
import { GatewayLink } from './gateway-link.ts';
import type { GatewayLinkSettings } from './gateway-link.ts';

export interface LeaseSettings extends GatewayLinkSettings {
  /** Where to dial when the session names no gateway. */
  readonly gatewayUrl: string;
  /** How long a gateway may be away before the stream is ended. */
  readonly gatewayGraceMs: number;
}

export interface LeaseServices {
  readonly engine: Engine;
  readonly commits: CommitPort;
  readonly settings: LeaseSettings;
  /** A gateway does not take this worker: its key is wrong, or it is of another version. */
  refused(): void;
  /** The lease has ended: its slot is free. */
  ended(outcome: StreamOutcome): void;
}

const FIRST_REDIAL_MS = 50;
const LAST_REDIAL_MS = 1000;
/** Silence this long is recorded, so that a successor need not listen to it again. */
const RECORD_SILENCE_BYTES = 30_000 * LOG_BYTES_PER_MS;

/** With less than this not known to be silence, nobody is speaking. */
const QUIET_BYTES = 500 * LOG_BYTES_PER_MS;

/** Once the recogniser has finished it says nothing: the lease says in its place that it is there, well within the gateway's patience. */
const SIGN_OF_LIFE_MS = 100;

/** Finals of a file are committed together with those of so long after them: what is heard again of a worker that was lost. */
const LINGER_MS = 2000;

type Ending = 'end' | 'paused' | 'quiet' | 'gatewayLost';

/** A sentence that does not end by itself is ended after this, when another worker is to take over. */
const BOUNDARY_LIMIT_MS = 3000;
/** And a recogniser that does not give it even then is left: its successor hears the sentence again. */
const HANDOVER_LIMIT_MS = 6000;

export class StreamLease {
  readonly lease: Lease;
  readonly workflowId: string;
  readonly #services: LeaseServices;
  readonly #ttlMs: number;
  #ttl: NodeJS.Timeout;
  #args: StreamArgs | null = null;
  #recogniser: Recogniser | null = null;
  #committer: Committer | null = null;
  #link: GatewayLink | null = null;
  #dialledUrl: string | null = null;
  #finish: ((outcome: StreamOutcome) => void) | null = null;
  #nextIndex = 0;
  #committedIndex = 0;
  /** Committed since the last dial, which said how many there were, and not told yet. */
  #untold: Segment[] = [];
  #receivedByte = 0;
  #ending: { readonly why: Ending; readonly generation: number } | null = null;
  #concluded: StreamOutcome | null = null;
  #gatewayLostAtMs: number | null = null;
  #redialMs = FIRST_REDIAL_MS;
  #redial: NodeJS.Timeout | null = null;
  #handingOver: NodeJS.Timeout[] | null = null;
  #signs: NodeJS.Timeout | null = null;
  #released = false;

  constructor(lease: Lease, workflowId: string, ttlMs: number, services: LeaseServices) {
    this.lease = lease;
    this.workflowId = workflowId;
    this.#ttlMs = ttlMs;
    this.#services = services;
    this.#ttl = this.#startTtl();
  }

  /** The stream activity of the present run: resolves with how it ended. An older one ends as superseded. */
  stream(args: StreamArgs): Promise<StreamOutcome> {
    clearTimeout(this.#ttl);
    this.#finish?.({ why: 'superseded', detail: null });
    const before = this.#args;
    this.#args = args;
    const outcome = new Promise<StreamOutcome>((resolve) => (this.#finish = resolve));
    try {
      if (before === null) this.#begin(args);
      else if (before.gateway?.instance !== args.gateway?.instance || before.drain !== args.drain) this.#dial();
    } catch (error) {
      // No recogniser, or an address that is none: the slot must not stay taken.
      this.release({ why: 'engineFailed', detail: String(error) });
    }
    this.#committer?.resume();
    if (this.#concluded !== null) this.release(this.#concluded);
    return outcome;
  }

  /** The activity is gone without the workflow's wish (its run is over): the next one has the lease's time to live. */
  detach(args: StreamArgs): void {
    if (this.#args !== args || this.#released) return;
    this.#end({ why: 'superseded', detail: null });
  }

  /** Another worker is to take over: the stream ends with the next committed segment, or at once where nobody speaks. */
  handOver(): void {
    if (this.#handingOver !== null || this.#released) return;
    this.#committer?.hurry();
    this.#handingOver = [
      setTimeout(() => this.#recogniser?.finalize(), BOUNDARY_LIMIT_MS),
      setTimeout(() => this.#handOverNow(), HANDOVER_LIMIT_MS),
    ];
  }

  /** What was committed stays; what was heard since is heard again by the successor. */
  #handOverNow(): void {
    this.#concluded = { why: 'handedOver', detail: null };
    if (this.#finish !== null) this.release(this.#concluded);
  }

  /** Frees the slot. */
  release(outcome: StreamOutcome): void {
    if (this.#released) return;
    this.#released = true;
    clearTimeout(this.#ttl);
    for (const timer of this.#handingOver ?? []) clearTimeout(timer);
    if (this.#redial !== null) clearTimeout(this.#redial);
    if (this.#signs !== null) clearInterval(this.#signs);
    this.#committer?.close();
    this.#recogniser?.close();
    const [code, reason] = outcome.why === 'end' ? [PLANE_CLOSE.done, 'done'] : [PLANE_CLOSE.leaseEnded, outcome.why];
    this.#link?.close(code, reason);
    this.#finish?.(outcome);
    this.#finish = null;
    this.#services.ended(outcome);
  }

  /** Ends the activity; the lease goes on until another takes it up or its time is over. */
  #end(outcome: StreamOutcome): void {
    if (this.#released) return;
    this.#finish?.(outcome);
    this.#finish = null;
    this.#ttl = this.#startTtl();
  }

  #startTtl(): NodeJS.Timeout {
    return setTimeout(() => this.release({ why: 'leaseExpired', detail: 'nobody used the lease' }), this.#ttlMs);
  }

  #begin(args: StreamArgs): void {
    const { engine, commits } = this.#services;
    this.#nextIndex = args.nextIndex;
    this.#committedIndex = args.nextIndex;
    this.#receivedByte = args.fromByte;
    const events = {
      committed: (segments: readonly Segment[]) => this.#committed(segments),
      rotate: () => this.#end({ why: 'rotate', detail: null }),
      fenced: () => this.release({ why: 'fenced', detail: null }),
    };
    const lingerMs = args.lean === true ? LINGER_MS : 0;
    this.#committer = new Committer(commits, args.workflowId, this.lease.epoch, args.fromByte, events, lingerMs);
    const mode = args.kind === 'span' ? 'file' : 'live';
    const { fromByte, language } = args;
    this.#recogniser = engine.open({ fromByte, language, mode }, (event) => this.#recognised(event));
    this.#dial();
  }

  // ---- the gateway

  /** Connects to where the session's audio is; the recogniser goes on from the byte it has. */
  #dial(): void {
    const args = this.#args;
    if (args === null || this.#released) return;
    if (this.#redial !== null) clearTimeout(this.#redial);
    this.#redial = null;
    const { settings } = this.#services;
    const url = args.gateway?.url ?? settings.gatewayUrl;
    if (url === this.#dialledUrl) this.#link?.close(PLANE_CLOSE.redial, 'dialling again');
    else this.#link?.close(PLANE_CLOSE.moved, 'served by another gateway');
    this.#dialledUrl = url;
    this.#untold = [];
    this.#link = new GatewayLink(url, this.#dialOf(args), settings, {
      open: () => this.#reached(),
      audio: (bytes) => this.#heard(bytes),
      message: (message) => this.#told(message),
      closed: (code) => this.#lostGateway(code),
    });
  }

  get #channel(): number {
    return this.#args?.channel ?? 0;
  }

  #dialOf({ workflowId, ref, toByte, drain, channel = 0 }: StreamArgs): AudioDial {
    return {
      workflowId,
      tenant: ref.tenant,
      session: ref.id,
      workerId: this.lease.workerId,
      epoch: this.lease.epoch,
      fromByte: this.#receivedByte,
      toByte,
      nextIndex: this.#committedIndex,
      drain,
      ...(channel === 0 ? {} : { channel }),
    };
  }

  #reached(): void {
    this.#gatewayLostAtMs = null;
    this.#redialMs = FIRST_REDIAL_MS;
    this.#tellCommitted();
  }

  #heard(bytes: Buffer): void {
    if (this.#ending !== null) return;
    this.#receivedByte += bytes.length;
    this.#recogniser?.accept(bytes);
  }

  #told(message: ToWorker): void {
    switch (message.type) {
      case 'end':
        this.#finishAt(message.bytes);
        break;
      case 'pause':
        this.#finishAs(message.quiet === true ? 'quiet' : 'paused');
        break;
      case 'finalize':
        this.#recogniser?.finalize();
        break;
      default:
        message satisfies never;
    }
  }

  /** The audio ends at a byte. Where this worker has not all of it, it asks for what is missing. */
  #finishAt(endByte: number): void {
    if (this.#ending === null && this.#receivedByte < endByte) this.#dial();
    else this.#finishAs('end');
  }

  /** A gateway that went away is dialled again for the grace; the recogniser keeps what it has. */
  #lostGateway(code: number): void {
    this.#link = null;
    if (this.#released) return;
    if (code === PLANE_CLOSE.fenced) {
      this.release({ why: 'fenced', detail: null });
      return;
    }
    if (code === PLANE_CLOSE.refused) {
      // Dialling again changes nothing: another worker may be welcome.
      this.#services.refused();
      this.release({ why: 'leaseExpired', detail: 'the gateway refuses this worker' });
      return;
    }
    if (code === PLANE_CLOSE.damaged) {
      this.release({ why: 'audioDamaged', detail: null });
      return;
    }
    const nowMs = performance.now();
    this.#gatewayLostAtMs ??= nowMs;
    if (nowMs - this.#gatewayLostAtMs > this.#services.settings.gatewayGraceMs) {
      this.#finishAs('gatewayLost');
      return;
    }
    this.#redial = setTimeout(() => this.#dial(), this.#redialMs * (0.5 + Math.random() / 2));
    this.#redialMs = Math.min(this.#redialMs * 2, LAST_REDIAL_MS);
  }

  // ---- the recogniser

  #finishAs(why: Ending): void {
    if (this.#ending !== null) return;
    this.#ending = { why, generation: this.#args?.generation ?? 0 };
    this.#recogniser?.finish();
  }

  #recognised(event: RecogniserEvent): void {
    if (this.#released) return;
    switch (event.type) {
      case 'partial':
        this.#link?.send({
          type: 'partial',
          text: event.text,
          startMs: event.startMs,
          endMs: event.endMs,
          channel: this.#channel,
        });
        break;
      case 'final':
        this.#committer?.add(this.#segmentOf(event));
        break;
      case 'unheard':
        this.#committer?.addHole({ fromByte: event.startByte, toByte: event.endByte });
        break;
      case 'progress':
        this.#progressed(event.consumedByte, event.settledByte);
        break;
      case 'finished':
        void this.#conclude();
        break;
      case 'failed':
        this.release({ why: 'engineFailed', detail: event.detail });
        break;
      default:
        event satisfies never;
    }
  }

  #segmentOf({ text, startMs, endMs, words, timing, startByte, endByte }: FinalResult): Segment {
    const index = this.#nextIndex;
    this.#nextIndex += 1;
    return { index, startMs, endMs, text, words, timing, channel: this.#channel, startByte, endByte };
  }

  #committed(segments: readonly Segment[]): void {
    this.#committedIndex += segments.length;
    this.#untold.push(...segments);
    this.#tellCommitted();
    if (this.#handingOver !== null && this.#ending === null) this.#handOverNow();
  }

  #tellCommitted(): void {
    if (this.#untold.length > 0 && this.#link?.send({ type: 'final', segments: this.#untold }) === true) {
      this.#untold = [];
    }
  }

  #progressed(consumedByte: number, settledByte: number): void {
    const committer = this.#committer;
    const settled = committer?.isIdle === true ? settledByte : (committer?.committedByte ?? 0);
    this.#link?.send({ type: 'consumed', bytes: consumedByte, settled });
    const isQuiet = committer?.isIdle === true && this.#receivedByte - settledByte < QUIET_BYTES;
    if (this.#handingOver !== null && isQuiet && this.#ending === null) this.#handOverNow();
    if (committer?.isIdle === true && settledByte - committer.committedByte > RECORD_SILENCE_BYTES) {
      committer.advance(settledByte);
    }
  }

  /** All audio is recognised: what it gave is committed, then the lease ends. */
  async #conclude(): Promise<void> {
    const { why, generation } = this.#ending ?? { why: 'end', generation: 0 };
    // Temporal may be away for long; to wait for it is not to hang.
    this.#signs = setInterval(() => this.#link?.send({ type: 'consumed', bytes: this.#receivedByte }), SIGN_OF_LIFE_MS);
    this.#concluded = why === 'end' ? await this.#last() : await this.#left(why, generation);
    // Between two runs there is no activity to tell it to: the next one is told at once.
    if (this.#finish !== null) this.release(this.#concluded);
  }

  async #left(why: Exclude<Ending, 'end'>, generation: number): Promise<StreamOutcome> {
    this.#committer?.advance(this.#receivedByte);
    await this.#committer?.drained();
    return { why, detail: null, generation };
  }

  /** What is not committed yet goes along where that may be. */
  async #last(): Promise<StreamOutcome> {
    const isLean = this.#args?.lean === true;
    if (!isLean) await this.#committer?.drained();
    const commit = isLean ? await this.#committer?.rest() : undefined;
    return { why: 'end', detail: null, throughByte: this.#receivedByte, ...(commit === undefined ? {} : { commit }) };
  }
}
