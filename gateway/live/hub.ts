/**
 * One session at this gateway: its client, its audio, its worker. Holds nothing that cannot be rebuilt from the workflow
 * and the audio log; any of the three may come first, go, and come again.
 */
import type { WebSocket } from 'ws';
import { PLANE_CLOSE } from '../../workflows/audio-plane.ts';
import type { AudioDial } from '../../workflows/audio-plane.ts';
import { objectKeys, sessionWorkflowId } from '../../workflows/contract.ts';
import type { AttachAnswer, LiveInput, SessionRef, SessionResult } from '../../workflows/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import type { Gateway } from '../ports.ts';
import { finalMessage } from '../protocol.ts';
import type { ClientMessage } from '../protocol.ts';
import { untilDone } from '../retry.ts';
import { readSegments } from '../transcripts.ts';
import type { ClientLink } from './client-link.ts';
import type { FeedSource } from './feed.ts';
import { Finals } from './finals.ts';
import { Intake } from './intake.ts';
import type { QueueNotices } from './queue-notices.ts';
import { WorkerLink } from './worker-link.ts';
import type { WorkerWatch } from './worker-link.ts';

/** A session that finds a worker at once is not told that it waits. */
const QUEUE_NOTICE_AFTER_MS = 200;

export interface HubServices {
  readonly gateway: Gateway;
  readonly watch: WorkerWatch;
  readonly notices: QueueNotices;
  /** The hub holds nothing any more. */
  unused(hub: Hub): void;
}

interface Present {
  readonly link: ClientLink;
  readonly finals: Finals;
  readonly generation: number;
}

export class Hub implements FeedSource {
  readonly workflowId: string;
  readonly #ref: SessionRef;
  readonly #services: HubServices;
  #client: Present | null = null;
  #intake: Intake | null = null;
  #worker: WorkerLink | null = null;
  #fencedEpoch = 0;
  #storedEnd: number | null = null;
  #attaching: Promise<void> = Promise.resolve();
  /** Clients that are being attached. */
  #pending = 0;
  #ended: AbortController | null = null;
  #unfollow: (() => void) | null = null;
  #graceTimer: NodeJS.Timeout | null = null;
  #noticeTimer: NodeJS.Timeout | null = null;

  constructor(workflowId: string, ref: SessionRef, services: HubServices) {
    this.workflowId = workflowId;
    this.#ref = ref;
    this.#services = services;
    this.#startGrace();
  }

  // ---- the audio, as the worker's feed sees it

  get memoryStart(): number | null {
    return this.#intake?.buffer.start ?? null;
  }

  fromMemory(offset: number): Buffer | null {
    return this.#intake?.buffer.from(offset) ?? null;
  }

  readStored(fromByte: number, toByte: number | undefined): AsyncIterable<Uint8Array> {
    return this.#gateway.audioLog.read(this.#prefix, fromByte, toByte);
  }

  get endByte(): number | null {
    return this.#intake?.endByte ?? this.#storedEnd;
  }

  get isUnused(): boolean {
    return this.#client === null && this.#worker === null && this.#pending === 0;
  }

  get #gateway(): Gateway {
    return this.#services.gateway;
  }

  get #prefix(): string {
    return objectKeys.audio(this.#ref);
  }

  // ---- the client

  /** A client has come; attaches of one session follow each other. */
  attachClient(link: ClientLink, input: LiveInput, fromIndex: number): Promise<void> {
    this.#pending += 1;
    const attached = this.#attaching
      .then(() => this.#attach(link, input, fromIndex))
      .finally(() => {
        this.#pending -= 1;
        this.#disposeIfUnused();
      });
    this.#attaching = attached.catch(() => undefined);
    return attached;
  }

  async #attach(link: ClientLink, input: LiveInput, fromIndex: number): Promise<void> {
    const { address, sessions } = this.#gateway;
    const answer = await sessions.attach(input, { gateway: address, connection: link.id, audio: input.audio });
    this.#dropClient(new Failure('superseded', 'a newer connection has taken this session over'));
    const committed = 'ended' in answer ? answer.ended.segments : answer.nextIndex;
    if (fromIndex > committed) {
      throw new Failure('invalid_parameter', `index: ${fromIndex} is more than the ${committed} finals there are`);
    }
    const durableBytes = 'ended' in answer ? await this.#storedBytes() : await this.#openIntake(answer);
    const { model, language } = input;
    link.send({ type: 'session', id: this.#ref.id, durableBytes, nextIndex: committed, model, language });
    this.#present(link, fromIndex, 'ended' in answer ? Infinity : answer.generation).know(committed);
    if ('ended' in answer) await this.#finish(answer.ended);
    else this.#opened(link, input);
  }

  #present(link: ClientLink, fromIndex: number, generation: number): Finals {
    const { sessions, objects } = this.#gateway;
    const finals = new Finals(
      fromIndex,
      (from) => readSegments(sessions, objects, this.#ref, from),
      (segment) => link.send(finalMessage(segment)),
    );
    this.#client = { link, finals, generation };
    this.#stopGrace();
    return finals;
  }

  #opened(link: ClientLink, input: LiveInput): void {
    this.#watchEnd();
    link.open({
      audio: (bytes) => this.#intake?.accept(bytes),
      message: (message) => this.#handle(message),
      gone: () => this.#clientGone(link),
    });
    if (this.#worker === null) this.#followQueue(link, input.model);
    else link.send({ type: 'started' });
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case 'finalize':
        this.#worker?.send({ type: 'finalize' });
        break;
      case 'keepalive':
        break;
      case 'end':
        void this.#finishAudio();
        break;
      default:
        message satisfies never;
    }
  }

  #clientGone(link: ClientLink): void {
    if (this.#client?.link !== link) return;
    this.#client.finals.close();
    this.#client = null;
    this.#stopFollowing();
    void this.#intake?.flush();
    this.#startGrace();
    void this.#persist('telling that the client is gone', () => this.#gateway.sessions.detach(this.#ref, link.id));
    this.#disposeIfUnused();
  }

  /** The client is closed from our side. */
  #dropClient(failure: Failure): void {
    const { link, finals } = this.#client ?? {};
    this.#client = null;
    finals?.close();
    link?.fail(failure);
    this.#stopFollowing();
  }

  // ---- the audio

  /** Takes up the session's audio where it stands; answers the client byte to send from. */
  async #openIntake(answer: AttachAnswer): Promise<number> {
    if (this.#intake === null) {
      const { durableBytes, sealed } = await this.#gateway.audioLog.extent(this.#prefix);
      if (sealed) this.#storedEnd = durableBytes;
      this.#intake = new Intake(this.#gateway, this.#ref, answer.audio, durableBytes, {
        changed: () => this.#worker?.wake(),
        stored: (bytes) => this.#client?.link.send({ type: 'ack', durableBytes: bytes }),
        pressure: (isFull) => this.#press(isFull),
        isCurrent: () => this.#isCurrent(),
        superseded: () => this.#superseded(),
      });
    }
    const clientByte = await this.#intake.resume();
    this.#worker?.wake();
    return clientByte;
  }

  async #storedBytes(): Promise<number> {
    return (await this.#gateway.audioLog.extent(this.#prefix)).durableBytes;
  }

  #press(isFull: boolean): void {
    const link = this.#client?.link;
    if (link === undefined || link.isPaused === isFull) return;
    if (isFull) link.pause();
    else link.resume();
  }

  async #isCurrent(): Promise<boolean> {
    const present = this.#client;
    const { generation } = await this.#gateway.sessions.view(this.#ref);
    return present !== null && generation <= present.generation;
  }

  #superseded(): void {
    this.#dropClient(new Failure('superseded', 'another gateway serves this session now'));
    this.#intake?.close();
    this.#intake = null;
    this.#disposeIfUnused();
  }

  /** The client has said `end`, or the session may not go on: what came is stored and sealed, and the worker told. */
  async #finishAudio(): Promise<void> {
    if (this.#intake === null || this.#storedEnd !== null) return;
    try {
      const endByte = await this.#intake.finish();
      await this.#persist('ending the audio', () => this.#gateway.sessions.finishAudio(this.#ref, endByte));
    } catch (error) {
      this.#client?.link.fail(error);
    }
  }

  // ---- the worker

  /** A worker has dialled for the session's audio. */
  async attachWorker(socket: WebSocket, dial: AudioDial): Promise<void> {
    const older = this.#worker;
    if (dial.epoch <= this.#fencedEpoch || (older !== null && dial.epoch < older.dial.epoch)) {
      socket.close(PLANE_CLOSE.fenced, 'a newer epoch exists');
      return;
    }
    const worker = this.#link(socket, dial);
    this.#worker = worker;
    if (this.#client === null) this.#startGrace();
    if (older !== null) this.#replace(older, dial);
    await this.#findEnd(dial);
    if (this.#worker !== worker) return;
    this.#stopFollowing();
    this.#client?.link.send({ type: 'started' });
    this.#client?.finals.know(dial.nextIndex);
    worker.open();
  }

  #replace(older: WorkerLink, dial: AudioDial): void {
    this.#services.watch.delete(older);
    if (older.dial.epoch < dial.epoch) older.fence('a newer epoch exists');
    else older.leave();
  }

  #link(socket: WebSocket, dial: AudioDial): WorkerLink {
    const { gateway, watch } = this.#services;
    const worker = new WorkerLink(socket, dial, this, gateway.settings, {
      partial: (json) => this.#client?.link.sendPartial(json),
      final: (segments) => this.#client?.finals.offer(segments),
      gone: (how, why) => this.#workerGone(worker, how, why),
      fault: (error) => gateway.log.error({ err: error, workflowId: this.workflowId }, 'feeding a worker failed'),
    });
    watch.add(worker);
    return worker;
  }

  /** Where the audio ends: a span's end, a seal, or, when no more is taken, what is stored. */
  async #findEnd(dial: AudioDial): Promise<void> {
    if (dial.toByte !== null) {
      this.#storedEnd = dial.toByte;
      return;
    }
    if (this.#intake !== null) {
      if (dial.drain) await this.#finishAudio();
      return;
    }
    const { audioLog } = this.#gateway;
    const { durableBytes, sealed } = await audioLog.extent(this.#prefix);
    if (sealed || (dial.drain && (await audioLog.seal(this.#prefix, durableBytes)))) this.#storedEnd = durableBytes;
  }

  #workerGone(worker: WorkerLink, how: 'ended' | 'moved' | 'lost', why: string): void {
    this.#services.watch.delete(worker);
    if (this.#worker !== worker) return;
    this.#worker = null;
    const { log, sessions } = this.#gateway;
    const { epoch, workerId } = worker.dial;
    if (how === 'moved') {
      this.#superseded();
      return;
    }
    if (how === 'lost') {
      this.#fencedEpoch = Math.max(this.#fencedEpoch, epoch);
      log.warn({ workflowId: this.workflowId, epoch, workerId, why }, 'worker lost');
      void this.#persist('reporting a lost worker', () => sessions.workerLost(this.workflowId, epoch, why));
    }
    this.#disposeIfUnused();
  }

  // ---- the session's end

  /** Learns when the session ends, by whatever cause. */
  #watchEnd(): void {
    if (this.#ended !== null) return;
    const watching = new AbortController();
    this.#ended = watching;
    this.#gateway.sessions.result(this.#ref, watching.signal).then(
      (result) => this.#finish(result),
      (error: unknown) => {
        if (!watching.signal.aborted) this.#gateway.log.error({ err: error }, 'waiting for a session failed');
      },
    );
  }

  /** Gives the client what is missing and the outcome, and lets go of everything. */
  async #finish(result: SessionResult): Promise<void> {
    this.#worker?.fence('the session has ended');
    if (this.#worker !== null) this.#services.watch.delete(this.#worker);
    this.#worker = null;
    this.#intake?.close();
    const present = this.#client;
    if (present !== null) {
      present.finals.know(result.segments);
      await present.finals.drained();
      this.#client = null;
      conclude(present.link, result);
    }
    this.#disposeIfUnused();
  }

  // ---- time

  /** A client that stays away longer than the grace gives its slot back. */
  #startGrace(): void {
    this.#stopGrace();
    this.#graceTimer = setTimeout(() => {
      if (this.endByte === null) this.#worker?.send({ type: 'pause' });
    }, this.#gateway.settings.clientGraceMs);
    this.#graceTimer.unref();
  }

  #stopGrace(): void {
    if (this.#graceTimer !== null) clearTimeout(this.#graceTimer);
    this.#graceTimer = null;
  }

  #followQueue(link: ClientLink, model: string): void {
    this.#noticeTimer = setTimeout(() => {
      this.#unfollow = this.#services.notices.follow(model, this.workflowId, (place) =>
        link.send({ type: 'queued', ...place, estimated: true }),
      );
    }, QUEUE_NOTICE_AFTER_MS);
  }

  #stopFollowing(): void {
    if (this.#noticeTimer !== null) clearTimeout(this.#noticeTimer);
    this.#unfollow?.();
    this.#unfollow = null;
  }

  #persist(what: string, attempt: () => Promise<void>): Promise<void> {
    const { log } = this.#gateway;
    const gaveUp = (error: unknown) => log.warn({ err: error, workflowId: this.workflowId }, `${what}: given up`);
    return untilDone(what, attempt, () => this.#ended?.signal.aborted === true, log).catch(gaveUp);
  }

  #disposeIfUnused(): void {
    if (!this.isUnused) return;
    const intake = this.#intake;
    void (intake?.flush() ?? Promise.resolve()).then(() => {
      if (this.isUnused) this.close();
    });
  }

  /** This gateway ends: what came is stored, the client is told to come again, the worker to dial again. */
  async drain(): Promise<void> {
    await this.#intake?.flush();
    this.#dropClient(new Failure('shutting_down', 'this gateway ends: connect again with the same session'));
    this.#worker?.leave();
    this.#worker = null;
    this.close();
  }

  close(): void {
    this.#stopGrace();
    this.#stopFollowing();
    this.#intake?.close();
    this.#ended?.abort();
    this.#services.unused(this);
  }
}

function conclude(link: ClientLink, { state, reason, detail, segments, audioMs }: SessionResult): void {
  if (state === 'failed') {
    link.fail(new Failure(isFailureType(reason) ? reason : 'internal', detail ?? 'the session failed'));
    return;
  }
  link.send({ type: 'done', segments, audioMs, state });
  link.close(1000, state);
}

/** The hub of a live session's client is found by its workflow. */
export const hubIdOf = (ref: SessionRef): string => sessionWorkflowId(ref);
