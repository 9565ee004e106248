/** A session's worker at this gateway: which link is the valid one, which epochs are fenced, where the audio ends. */
import type { WebSocket } from 'ws';
import { PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { AudioDial } from '../../workflows/audio-plane.ts';
import type { Segment } from '../../workflows/contract.ts';
import type { Gateway } from '../ports.ts';
import type { FeedSource } from './feed.ts';
import { WorkerLink } from './worker-link.ts';
import type { WorkerWatch } from './worker-link.ts';

export interface WorkerSideEvents {
  /** A worker has dialled: decides where the audio ends before any is sent. */
  opening(dial: AudioDial): Promise<void>;
  /** The worker gets audio from now on. */
  opened(dial: AudioDial): void;
  partial(json: Buffer): void;
  /** The recogniser has taken in the audio log up to here; what was said before `settled` is told, if that is known. */
  consumed(bytes: number, settled: number | null): void;
  final(segments: readonly Segment[]): void;
  /** No worker is connected any more; `lost`: it did not mean to go. */
  gone(how: 'ended' | 'moved' | 'lost', dial: AudioDial, why: string): void;
}

export class WorkerSide {
  readonly #gateway: Gateway;
  readonly #watch: WorkerWatch;
  readonly #source: FeedSource;
  readonly #events: WorkerSideEvents;
  #link: WorkerLink | null = null;
  /** Bytes up to which finals were asked for, in order, as far as it is not known that they were made. */
  #finalizeAt: number[] = [];
  #newestEpoch = 0;
  #fencedEpoch = 0;

  constructor(gateway: Gateway, watch: WorkerWatch, source: FeedSource, events: WorkerSideEvents) {
    this.#gateway = gateway;
    this.#watch = watch;
    this.#source = source;
    this.#events = events;
  }

  get isPresent(): boolean {
    return this.#link !== null;
  }

  /** Takes a worker's connection, unless a newer epoch exists; an older one's link ends. */
  async attach(socket: WebSocket, dial: AudioDial): Promise<void> {
    const older = this.#link;
    if (dial.epoch <= this.#fencedEpoch || dial.epoch < this.#newestEpoch) {
      socket.close(PLANE_CLOSE.fenced, 'a newer epoch exists');
      return;
    }
    const link = this.#open(socket, dial);
    this.#newestEpoch = dial.epoch;
    this.#link = link;
    if (older !== null) this.#replace(older, dial);
    try {
      await this.#events.opening(dial);
    } catch (error) {
      // The worker dials again: by then the storage may answer.
      this.#drop(link);
      link.leave();
      throw error;
    }
    if (this.#link !== link) return;
    this.#events.opened(dial);
    // A worker that was told and is gone has perhaps not done it.
    for (const atByte of this.#finalizeAt) if (atByte >= dial.fromByte) link.finalize(atByte);
    link.open();
  }

  /** Audio came, or its end is known. */
  wake(): void {
    this.#link?.wake();
  }

  /** Asked for while there is no worker, or of one that goes, the next one is told. */
  finalize(atByte: number): void {
    this.#finalizeAt.push(atByte);
    this.#link?.finalize(atByte);
  }

  #consumed(bytes: number, settled: number | null): void {
    if (settled !== null) this.#finalizeAt = this.#finalizeAt.filter((atByte) => atByte > settled);
    this.#events.consumed(bytes, settled);
  }

  /** @param quiet the client is there, and sends nothing; otherwise it is away. */
  pause(quiet = false): void {
    this.#link?.pause(quiet);
  }

  /** The session is over: the lease is void. */
  fence(reason: string): void {
    this.#leave((link) => link.fence(reason));
  }

  /** This gateway ends: the worker dials again. */
  leave(): void {
    this.#leave((link) => link.leave());
  }

  #leave(how: (link: WorkerLink) => void): void {
    const link = this.#link;
    if (link === null) return;
    this.#drop(link);
    how(link);
  }

  #drop(link: WorkerLink): void {
    this.#watch.delete(link);
    if (this.#link === link) this.#link = null;
  }

  #open(socket: WebSocket, dial: AudioDial): WorkerLink {
    const { settings, log } = this.#gateway;
    const link = new WorkerLink(socket, dial, this.#source, settings, {
      partial: (json) => this.#events.partial(json),
      consumed: (bytes, settled) => this.#consumed(bytes, settled),
      final: (segments) => this.#events.final(segments),
      gone: (how, why) => this.#gone(link, how, why),
      fault: (error) => log.error({ err: error, workflowId: dial.workflowId }, 'feeding a worker failed'),
    });
    this.#watch.add(link);
    return link;
  }

  #replace(older: WorkerLink, dial: AudioDial): void {
    this.#watch.delete(older);
    if (older.dial.epoch < dial.epoch) older.fence('a newer epoch exists');
    else older.leave();
  }

  #gone(link: WorkerLink, how: 'ended' | 'moved' | 'lost', why: string): void {
    const isValid = this.#link === link;
    this.#drop(link);
    if (!isValid) return;
    if (how === 'lost') this.#fencedEpoch = Math.max(this.#fencedEpoch, link.dial.epoch);
    this.#events.gone(how, link.dial, why);
  }
}
