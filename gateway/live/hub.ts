/**
 * One session at this gateway: its client, its audio, its worker. Holds nothing that cannot be rebuilt from the workflow
 * and the audio log; any of the three may come first, go, and come again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import type { AudioDial } from '../../workflows/audio-plane.ts';
import { LOG_BYTES_PER_MS, sessionWorkflowId } from '../../workflows/contract.ts';
import type { ConnectionAttempt, Lease, LiveInput, SessionRef, SessionResult } from '../../workflows/contract.ts';
import { Failure, isFailureType } from '../failures.ts';
import type { Gateway, SessionsPort } from '../ports.ts';
import { finalMessage } from '../protocol.ts';
import type { ClientMessage, LiveRequest } from '../protocol.ts';
import { untilDone } from '../retry.ts';
import { readSegments } from '../transcripts.ts';
import type { Admission } from './admission.ts';
import { AudioSide } from './audio-side.ts';
import type { SessionClient } from './session-client.ts';
import { Finals } from './finals.ts';
import { QuietWatch } from './quiet-watch.ts';
import type { QueueNotices } from './queue-notices.ts';
import type { WorkerWatch } from './worker-link.ts';
import { WorkerSide } from './worker-side.ts';

/** What is known of a session that was deleted. */
const DELETED: SessionResult = { state: 'cancelled', reason: null, detail: null, segments: 0, audioMs: 0 };

/** A session that finds a worker at once is not told that it waits. */
const QUEUE_NOTICE_AFTER_MS = 200;
/** A client without a worker asks so often whether its session knows that it is here. */
const FORGOTTEN_CHECK_MS = 15_000;
/** Finals that were missed are read so many at a time. */
const FINALS_AT_ONCE = 500;
/** Storage that does not answer for so long refuses a client, who comes again. */
const STORAGE_LIMIT_MS = 5000;
/** A gateway that ends stores what came for so long at most: the client has kept what is not acknowledged. */
const LAST_STORE_MS = 1000;

export interface HubServices {
  readonly gateway: Gateway;
  readonly watch: WorkerWatch;
  readonly notices: QueueNotices;
  /** Is told what becomes of the session. */
  readonly admission: Pick<Admission, 'answered' | 'served' | 'workerGone' | 'ended' | 'left'>;
  /** The hub holds nothing any more. */
  unused(hub: Hub): void;
}

/** What a client asked for when it connected. */
type Asked = Pick<LiveRequest, 'index' | 'attempt'>;

interface Present {
  readonly link: SessionClient;
  readonly finals: Finals;
  readonly model: string;
  readonly input: LiveInput;
  readonly attempt: ConnectionAttempt | null;
  generation: number;
}

export class Hub {
  readonly workflowId: string;
  readonly #ref: SessionRef;
  readonly #services: HubServices;
  readonly #audio: AudioSide;
  readonly #worker: WorkerSide;
  readonly #quiet: QuietWatch;
  #client: Present | null = null;
  /** How much audio had come when the slot of a client that sends none was given back; null while it has one, or wants one. */
  #quietAtByte: number | null = null;
  #attaching: Promise<void> = Promise.resolve();
  /** Clients that are being attached. */
  #pending = 0;
  #ended: AbortController | null = null;
  #unfollow: (() => void) | null = null;
  #graceTimer: NodeJS.Timeout | null = null;
  #noticeTimer: NodeJS.Timeout | null = null;
  #forgottenTimer: NodeJS.Timeout | null = null;
  /** Epoch of a lease whose worker had not come here when it was last asked for. */
  #missedEpoch = 0;

  constructor(workflowId: string, ref: SessionRef, services: HubServices) {
    this.workflowId = workflowId;
    this.#ref = ref;
    this.#services = services;
    this.#audio = new AudioSide(services.gateway, ref, {
      changed: () => this.#worker.wake(),
      stored: (bytes) => this.#client?.link.say({ type: 'ack', durableBytes: bytes }),
      pressure: (isFull) => this.#press(isFull),
      isCurrent: () => this.#isCurrent(),
      superseded: () => this.#superseded(),
    });
    this.#worker = new WorkerSide(services.gateway, services.watch, this.#audio, {
      opening: (dial) => this.#workerOpening(dial),
      opened: (dial) => this.#workerOpened(dial),
      partial: (json) => this.#client?.link.sayPartial(json),
      consumed: (bytes, settled) =>
        this.#client?.link.heard(bytes / LOG_BYTES_PER_MS, settled === null ? null : settled / LOG_BYTES_PER_MS),
      final: (segments) => this.#client?.finals.offer(segments),
      gone: (how, dial, why) => this.#workerGone(how, dial, why),
    });
    this.#quiet = new QuietWatch(services.gateway.settings.quietGraceMs, () => this.#clientQuiet());
    this.#startGrace();
  }

  get isUnused(): boolean {
    return this.#client === null && !this.#worker.isPresent && this.#pending === 0;
  }

  get #gateway(): Gateway {
    return this.#services.gateway;
  }

  // ---- the client

  /** A client has come; attaches of one session follow each other. */
  attachClient(link: SessionClient, input: LiveInput, asked: Asked): Promise<void> {
    this.#pending += 1;
    const attached = this.#attaching
      .then(() => this.#attach(link, input, asked))
      .finally(() => {
        this.#pending -= 1;
        this.#disposeIfUnused();
      });
    this.#attaching = attached.catch(() => undefined);
    return attached;
  }

  async #attach(link: SessionClient, input: LiveInput, { index, attempt }: Asked): Promise<void> {
    const answer = await this.#tellAttached(link, input, attempt);
    this.#services.admission.answered(this.workflowId, !('ended' in answer) && answer.generation === 1);
    this.#dropClient(new Failure('superseded', 'a newer connection has taken this session over'));
    try {
      await this.#take(link, input, { index, attempt }, answer);
    } catch (error) {
      this.#tellGone(link);
      throw error;
    }
  }

  #tellAttached(link: SessionClient, input: LiveInput, attempt: ConnectionAttempt | null) {
    const { address, sessions } = this.#gateway;
    const numbered = attempt === null ? {} : { attempt };
    return sessions.attach(input, { gateway: address, connection: link.id, audio: input.audio, ...numbered });
  }

  /** The workflow has the client down as attached: it is given what it missed, and its audio is taken. */
  async #take(
    link: SessionClient,
    input: LiveInput,
    asked: Asked,
    answer: Awaited<ReturnType<SessionsPort['attach']>>,
  ): Promise<void> {
    const committed = 'ended' in answer ? answer.ended.segments : answer.nextIndex;
    if (asked.index > committed) {
      throw new Failure('invalid_parameter', `index: ${asked.index} is more than the ${committed} finals there are`);
    }
    const durableBytes = await withLimit(
      'ended' in answer ? this.#audio.storedBytes(input.audio) : this.#audio.open(answer),
    );
    const { model, language } = 'ended' in answer ? input : answer;
    link.say({ type: 'session', id: this.#ref.id, durableBytes, nextIndex: committed, model, language });
    this.#present(link, asked, { ...input, model }, 'ended' in answer ? Infinity : answer.generation).know(committed);
    if ('ended' in answer) await this.#finish(answer.ended);
    else this.#opened(link);
  }

  #present(link: SessionClient, { index, attempt }: Asked, input: LiveInput, generation: number): Finals {
    const { sessions, objects } = this.#gateway;
    const finals = new Finals(index, (from) => readSegments(sessions, objects, this.#ref, from, FINALS_AT_ONCE), {
      give: (segment) => link.say(finalMessage(segment)),
      room: () => link.room(),
      broken: (error) => link.fail(error),
    });
    this.#client = { link, finals, model: input.model, input, attempt, generation };
    this.#stopGrace();
    return finals;
  }

  #opened(link: SessionClient): void {
    this.#quietAtByte = null;
    this.#watchEnd();
    link.serve({
      audio: (bytes) => this.#heard(bytes),
      message: (message) => this.#handle(message),
      gone: () => this.#clientGone(link),
    });
    if (this.#worker.isPresent) link.say({ type: 'started' });
    else this.#followQueue();
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case 'finalize':
        this.#worker.finalize(this.#audio.receivedByte);
        break;
      case 'keepalive':
        break;
      case 'end':
        if (this.#quietAtByte !== null) this.#followQueue();
        void this.#finishAudio();
        break;
      default:
        message satisfies never;
    }
  }

  #clientGone(link: SessionClient): void {
    if (this.#client?.link !== link) return;
    this.#client.finals.close();
    this.#client = null;
    this.#quiet.stop();
    this.#stopFollowing();
    void this.#audio.flush();
    this.#startGrace();
    this.#tellGone(link);
    this.#disposeIfUnused();
  }

  #tellGone(link: SessionClient): void {
    void this.#persist('telling that a client is gone', () => this.#gateway.sessions.detach(this.#ref, link.id));
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

  #heard(bytes: Buffer): void {
    this.#quiet.heard();
    this.#audio.accept(bytes);
    if (this.#quietAtByte !== null && !this.#worker.isPresent) this.#wantWorker();
  }

  /** A client that sends nothing costs no slot. */
  #clientQuiet(): void {
    if (this.#client === null || !this.#worker.isPresent || this.#audio.endByte !== null) return;
    this.#quietAtByte = this.#audio.receivedByte;
    this.#worker.pause(true);
  }

  /** Audio comes again: the session is told that it has work. */
  #wantWorker(): void {
    const present = this.#client;
    if (present === null) return;
    this.#followQueue();
    void this.#persist('asking for a worker', () => this.#reattach(present));
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
    this.#audio.giveUp();
    this.#disposeIfUnused();
  }

  /** The client has said `end`, or the session may not go on: what came is stored and sealed, and the workflow told. */
  async #finishAudio(): Promise<void> {
    try {
      const endByte = await this.#audio.finish();
      if (endByte === null) return;
      await this.#persist('ending the audio', () => this.#gateway.sessions.finishAudio(this.#ref, endByte));
    } catch (error) {
      if (error instanceof Failure && error.type === 'superseded') this.#superseded();
      else this.#client?.link.fail(error);
    }
  }

  // ---- the worker

  /** A worker has dialled for the session's audio. */
  attachWorker(socket: WebSocket, dial: AudioDial): Promise<void> {
    return this.#worker.attach(socket, dial);
  }

  #workerOpened(dial: AudioDial): void {
    this.#services.admission.served(this.workflowId, dial.workerId);
    this.#stopFollowing();
    this.#quietAtByte = null;
    if (this.#client === null) this.#startGrace();
    else this.#quiet.heard();
    this.#client?.link.say({ type: 'started' });
    this.#client?.finals.know(dial.nextIndex);
  }

  async #workerOpening(dial: AudioDial): Promise<void> {
    await this.#audio.findEnd(dial);
    if (!dial.drain) return;
    await this.#finishAudio();
    // Where another gateway had the last word, its audio ends the log.
    if (this.#audio.endByte === null) await this.#audio.findEnd(dial);
  }

  #workerGone(how: 'ended' | 'moved' | 'lost', { epoch, workerId }: AudioDial, why: string): void {
    const { log, sessions } = this.#gateway;
    this.#services.admission.workerGone(this.workflowId, how === 'ended');
    if (how === 'moved') {
      void this.#workerMoved();
      return;
    }
    if (how === 'lost') {
      log.warn({ workflowId: this.workflowId, epoch, workerId, why }, 'worker lost');
      void this.#persist('reporting a lost worker', () => sessions.workerLost(this.workflowId, epoch, why));
    }
    if (this.#quietAtByte === null || how === 'lost') this.#followQueue();
    else if (this.#audio.receivedByte > this.#quietAtByte) this.#wantWorker();
    this.#disposeIfUnused();
  }

  /** The client is elsewhere, unless it went there and has come back already. */
  async #workerMoved(): Promise<void> {
    const present = this.#client;
    const { log } = this.#gateway;
    const isCurrent =
      present !== null &&
      (await untilDone(
        'asking whose session it is',
        () => this.#isCurrent(),
        () => false,
        log,
      ));
    if (this.#client !== present) return;
    if (isCurrent) this.#followQueue();
    else this.#superseded();
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
        if (watching.signal.aborted) return;
        // Deleted before its end was heard: nothing more may be stored of it.
        if (error instanceof Failure && error.type === 'not_found') void this.#finish(DELETED);
        else this.#gateway.log.error({ err: error }, 'waiting for a session failed');
      },
    );
  }

  /** Gives the client what is missing and the outcome, and lets go of everything. */
  async #finish(result: SessionResult): Promise<void> {
    this.#worker.fence('the session has ended');
    this.#services.admission.ended(this.workflowId);
    this.#stopFollowing();
    this.#audio.close();
    const present = this.#client;
    if (present !== null) {
      present.finals.know(result.segments);
      await present.finals.drained();
      if (this.#client === present) this.#client = null;
      conclude(present.link, result);
    }
    this.#disposeIfUnused();
  }

  // ---- time

  /** A client that stays away longer than the grace gives its slot back. */
  #startGrace(): void {
    this.#stopGrace();
    this.#graceTimer = setTimeout(() => {
      if (this.#audio.endByte === null) this.#worker.pause();
    }, this.#gateway.settings.clientGraceMs);
    this.#graceTimer.unref();
  }

  #stopGrace(): void {
    if (this.#graceTimer !== null) clearTimeout(this.#graceTimer);
    this.#graceTimer = null;
  }

  /** A client without a worker is told its place, from now on until one comes. */
  #followQueue(): void {
    const present = this.#client;
    if (present === null) return;
    this.#stopFollowing();
    this.#quietAtByte = null;
    this.#noticeTimer = setTimeout(() => {
      this.#unfollow = this.#services.notices.follow(present.model, this.workflowId, (place) =>
        present.link.say({ type: 'queued', ...place, estimated: true }),
      );
    }, QUEUE_NOTICE_AFTER_MS);
    this.#forgottenTimer = setInterval(() => {
      this.#remind(present).catch((error: unknown) => {
        this.#gateway.log.warn({ err: error, workflowId: this.workflowId }, 'asking after a session failed');
      });
    }, FORGOTTEN_CHECK_MS).unref();
  }

  /** A session whose worker could not reach this gateway takes its client for gone: it is told that it is here. */
  async #remind(present: Present): Promise<void> {
    const { state, generation, lease } = await this.#gateway.sessions.view(this.#ref);
    if (this.#client !== present) return;
    if (generation > present.generation) {
      this.#superseded();
      return;
    }
    if (state === 'streaming' && lease !== null) this.#miss(lease);
    if (state === 'idle') await this.#reattach(present);
  }

  /** Tells the session that its client is here and has work. */
  async #reattach(present: Present): Promise<void> {
    if (this.#client !== present) return;
    const { link, input, attempt } = present;
    const answer = await this.#tellAttached(link, input, attempt);
    if (!('ended' in answer)) present.generation = answer.generation;
  }

  /** A worker that hangs before it has dialled here is seen by nobody: when it is still not there, it is taken for lost. */
  #miss({ epoch, workerId }: Lease): void {
    if (this.#worker.isPresent) return;
    if (this.#missedEpoch !== epoch) {
      this.#missedEpoch = epoch;
      return;
    }
    const why = 'did not dial';
    this.#gateway.log.warn({ workflowId: this.workflowId, epoch, workerId, why }, 'worker lost');
    const report = () => this.#gateway.sessions.workerLost(this.workflowId, epoch, why);
    void this.#persist('reporting a lost worker', report);
  }

  #stopFollowing(): void {
    if (this.#forgottenTimer !== null) clearInterval(this.#forgottenTimer);
    if (this.#noticeTimer !== null) clearTimeout(this.#noticeTimer);
    this.#unfollow?.();
    this.#unfollow = null;
  }

  /** What the workflow must learn is told, however long it takes, also when nothing else is left of the session here. */
  #persist(what: string, attempt: () => Promise<void>): Promise<void> {
    return untilDone(what, attempt, () => false, this.#gateway.log);
  }

  #disposeIfUnused(): void {
    if (!this.isUnused) return;
    void this.#audio.flush().then(() => {
      if (this.isUnused) this.close();
    });
  }

  /** This gateway ends: what came is stored, the client is told to come again, the worker to dial again. */
  async drain(): Promise<void> {
    await Promise.race([this.#audio.flush(), pause(LAST_STORE_MS, undefined, { ref: false })]);
    this.#dropClient(new Failure('shutting_down', 'this gateway ends: connect again with the same session'));
    this.#worker.leave();
    this.close();
  }

  close(): void {
    this.#stopGrace();
    this.#quiet.stop();
    this.#stopFollowing();
    this.#audio.close();
    this.#ended?.abort();
    this.#services.admission.left(this.workflowId);
    this.#services.unused(this);
  }
}

function conclude(link: SessionClient, { state, reason, detail, segments, audioMs }: SessionResult): void {
  if (state === 'failed') {
    link.fail(new Failure(isFailureType(reason) ? reason : 'session_failed', detail ?? 'the session failed'));
    return;
  }
  link.say({ type: 'done', segments, audioMs, state });
  link.close(1000, state);
}

async function withLimit<T>(storage: Promise<T>): Promise<T> {
  const limit = new AbortController();
  const late = pause(STORAGE_LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
    throw new Failure('storage_unavailable', 'the storage does not answer: try again later');
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([storage, late]);
  } finally {
    limit.abort();
  }
}

/** The hub of a live session's client is found by its workflow. */
export const hubIdOf = (ref: SessionRef): string => sessionWorkflowId(ref);
