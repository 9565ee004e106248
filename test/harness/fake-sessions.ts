/** The workflows as a gateway sees them, in memory, by the same rules: a port's stand-in without Temporal. */
import { Failure } from '../../gateway/failures.ts';
import type {
  ErasuresPort,
  QueuedSession,
  SessionFilter,
  SessionsPort,
  SessionSummary,
  SlotTimes,
  WorkerSummary,
} from '../../gateway/ports.ts';
import { LOG_BYTES_PER_MS, objectKeys, sessionWorkflowId } from '../../workflows/contract.ts';
import type {
  Attach,
  AttachAnswer,
  FileInput,
  Hole,
  Lease,
  LiveInput,
  ProbedAnswer,
  Segment,
  SegmentsAnswer,
  SessionRef,
  SessionResult,
  SessionView,
  StreamOutcome,
} from '../../workflows/contract.ts';
import { decide, refuseAttach, refuseCommit } from '../../workflows/session/decide.ts';
import type { Command } from '../../workflows/session/decide.ts';
import { resultOf, viewOf } from '../../workflows/session/project.ts';
import { evolve, initialState } from '../../workflows/session/state.ts';
import type { StreamState } from '../../workflows/session/state.ts';
import type { MemoryObjects } from './memory-objects.ts';

interface Running {
  readonly input: LiveInput;
  state: StreamState;
  readonly result: PromiseWithResolvers<SessionResult>;
}

/** What a gateway asked for, in order. */
export interface Asked {
  readonly what: string;
  readonly ref?: SessionRef;
  readonly workflowId?: string;
  readonly facts?: object | undefined;
}

export class FakeSessions implements SessionsPort, ErasuresPort {
  readonly asked: Asked[] = [];
  readonly files: FileInput[] = [];
  /** Thrown by every call while set: Temporal is away. */
  away: Failure | null = null;
  probeAnswer: ProbedAnswer | null = { ok: true };
  fileView: Partial<SessionView> = {};
  /** How often someone began to watch a session. */
  changesAsked = 0;
  watchedNow = 0;
  page: { sessions: SessionSummary[]; cursor: string | null } = { sessions: [], cursor: null };
  waiting: QueuedSession[] = [];
  present: WorkerSummary[] = [];
  /** Sessions that have ended, as they are counted. */
  ended = 0;
  readonly #objects: MemoryObjects;
  readonly #running = new Map<string, Running>();
  readonly #watchers: (() => void)[] = [];
  /** Counts what happened, as a history grows. */
  #length = 0;
  readonly #endedFiles = new Set<string>();
  readonly #fileResults = new Map<string, PromiseWithResolvers<SessionResult>>();

  constructor(objects: MemoryObjects) {
    this.#objects = objects;
  }

  // ---- what a test does as the workflow's other side

  state(id: string): StreamState {
    return this.#of({ tenant: 't', id }).state;
  }

  input(id: string): LiveInput {
    return this.#of({ tenant: 't', id }).input;
  }

  command(id: string, command: Command): void {
    const session = this.#of({ tenant: 't', id });
    session.state = decide(command, session.state, Date.now()).reduce(evolve, session.state);
    this.#grown();
  }

  /** The file has gone on, or has ended. */
  changeFile(id: string, view: Partial<SessionView>, result?: SessionResult): void {
    this.fileView = { ...this.fileView, ...view };
    if (result !== undefined) this.endFile(id, result);
    this.#grown();
  }

  grant(id: string): Lease {
    const epoch = this.state(id).epoch + 1;
    const lease = { leaseId: `l${epoch}`, epoch, workerId: `w${epoch}`, taskQueue: `worker.w${epoch}` };
    this.command(id, { type: 'GrantLease', lease });
    return lease;
  }

  /** As a worker commits: refused where the workflow would refuse. */
  commit(id: string, segments: readonly Segment[], throughByte: number): void {
    const commit = { epoch: this.state(id).epoch, segments, throughByte };
    const refusal = refuseCommit(this.state(id), commit);
    if (refusal !== null) throw new Error(refusal.message);
    this.command(id, { type: 'CommitSegments', commit });
  }

  /** So many segments are in checkpoints, and no longer in the workflow. */
  checkpointed(id: string, end: number): void {
    const session = this.#of({ tenant: 't', id });
    session.state = evolve(session.state, { type: 'SegmentsCheckpointed', end });
  }

  /** The worker's stream has ended. @param generation the newest attach that the worker knew; the present one otherwise */
  endStream(id: string, why: StreamOutcome['why'], generation = this.state(id).generation): void {
    const { epoch } = this.state(id);
    this.command(id, { type: 'EndStream', epoch, generation, outcome: { why, detail: null } });
  }

  /** The worker has drained: the transcript is written, and the session has its result. */
  async complete(id: string): Promise<void> {
    const session = this.#of({ tenant: 't', id });
    const outcome = { why: 'end', detail: null } as const;
    this.command(id, { type: 'EndStream', epoch: session.state.epoch, generation: session.state.generation, outcome });
    await this.#close(session);
  }

  async #close(session: Running): Promise<void> {
    const { state, input } = session;
    const { segments: tail, text, audioMs } = documentOf(state);
    const { id, tenant } = input.ref;
    const end = state.phase.name === 'closing' ? state.phase.ending.state : 'completed';
    const document = {
      id,
      tenant,
      model: input.model,
      language: input.language,
      state: end,
      audioMs,
      text,
      segments: tail,
    };
    const key = objectKeys.transcript(input.ref, null, 'json');
    await this.#objects.put(key, Buffer.from(JSON.stringify(document)));
    session.state = evolve(session.state, { type: 'SessionEnded' });
    session.result.resolve(resultOf(session.state, session.input));
    this.#grown();
  }

  /** Waits until the session's state is as wanted; looked at after every command. */
  async until(id: string, condition: (state: StreamState) => boolean): Promise<void> {
    const has = () => this.#running.has(id) && condition(this.state(id));
    while (!has()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Waits until a gateway has asked for something so often. */
  async untilAsked(what: string, times = 1): Promise<Asked> {
    const of = () => this.asked.filter((asked) => asked.what === what);
    while (of().length < times) await new Promise<void>((resolve) => this.#watchers.push(resolve));
    return of()[times - 1] as Asked;
  }

  #grown(): void {
    this.#length += 1;
    for (const seen of this.#watchers.splice(0)) seen();
  }

  #of(ref: SessionRef): Running {
    const session = this.#running.get(ref.id);
    if (session === undefined || ref.tenant !== 't') throw new Failure('not_found', 'no such session');
    return session;
  }

  #note(what: string, facts: Omit<Asked, 'what'>): void {
    this.asked.push({ what, ...facts });
    for (const seen of this.#watchers.splice(0)) seen();
    if (this.away !== null) throw this.away;
  }

  // ---- the port

  async attach(input: LiveInput, attach: Attach): Promise<AttachAnswer | { readonly ended: SessionResult }> {
    await Promise.resolve();
    this.#note('attach', { ref: input.ref, facts: attach });
    const { id } = input.ref;
    if (!this.#running.has(id)) {
      this.#running.set(id, { input, state: initialState(input, Date.now()), result: Promise.withResolvers() });
    }
    const session = this.#of(input.ref);
    const refusal = refuseAttach(session.state, attach, session.input.audio);
    if (refusal?.type === 'SessionEnded') return { ended: await session.result.promise };
    if (refusal?.type === 'OutdatedAttempt') throw new Failure('superseded', refusal.message);
    if (refusal !== null) throw new Failure('format_changed', refusal.message);
    this.command(id, { type: 'Attach', attach });
    const { generation, nextIndex, throughByte, audioEndByte } = session.state;
    const { audio, model, language } = session.input;
    return { generation, nextIndex, throughByte, audioEndByte, audio, model, language };
  }

  async detach(ref: SessionRef, connection: string): Promise<void> {
    await Promise.resolve();
    this.#note('detach', { ref, facts: { connection } });
    this.command(ref.id, { type: 'Detach', connection });
  }

  async finishAudio(ref: SessionRef, endByte: number): Promise<void> {
    await Promise.resolve();
    this.#note('finishAudio', { ref, facts: { endByte } });
    this.command(ref.id, { type: 'FinishAudio', endByte });
  }

  async workerLost(workflowId: string, epoch: number, why: string): Promise<void> {
    await Promise.resolve();
    this.#note('workerLost', { workflowId, facts: { epoch, why } });
    const id = [...this.#running.keys()].find((name) => sessionWorkflowId({ tenant: 't', id: name }) === workflowId);
    if (id !== undefined) this.command(id, { type: 'LoseWorker', epoch });
  }

  async segments(ref: SessionRef, from: number): Promise<SegmentsAnswer> {
    await Promise.resolve();
    const { tailFrom, tail } = this.#of(ref).state;
    return { tailFrom, segments: tail.filter(({ index }) => index >= from) };
  }

  /** The file is transcribed: its transcript is written, and its session has its result. */
  async finishFile(id: string, segments: readonly Segment[], audioMs: number, holes: Hole[] = []): Promise<void> {
    const { model, language, ref } = this.files.find((file) => file.ref.id === id) as FileInput;
    const text = segments.map((segment) => segment.text).join(' ');
    const document = { ...ref, model, language, state: 'completed', audioMs, text, segments, holes };
    await this.#objects.put(objectKeys.transcript(ref, null, 'json'), Buffer.from(JSON.stringify(document)));
    this.endFile(id, { state: 'completed', reason: null, detail: null, segments: segments.length, audioMs });
  }

  endFile(id: string, result: SessionResult): void {
    this.#fileResult(id).resolve(result);
    this.#endedFiles.add(id);
    this.#grown();
  }

  #fileResult(id: string): PromiseWithResolvers<SessionResult> {
    const known = this.#fileResults.get(id) ?? Promise.withResolvers<SessionResult>();
    this.#fileResults.set(id, known);
    return known;
  }

  #isFile = (ref: SessionRef): boolean => this.files.some((file) => file.ref.id === ref.id);

  result(ref: SessionRef, signal: AbortSignal): Promise<SessionResult> {
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')));
    });
    const { promise } = this.#isFile(ref) ? this.#fileResult(ref.id) : this.#of(ref).result;
    return Promise.race([promise, aborted]);
  }

  /** As Temporal tells of a history that grows. */
  async *changes(ref: SessionRef, signal: AbortSignal): AsyncGenerator<undefined> {
    this.changesAsked += 1;
    this.watchedNow += 1;
    for (let known = this.#length; !signal.aborted && !this.#isOver(ref); known = this.#length) {
      yield;
      while (this.#isQuiet(known, signal)) {
        await new Promise<void>((resolve) => {
          this.#watchers.push(resolve);
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
    }
    this.watchedNow -= 1;
  }

  #isQuiet(known: number, signal: AbortSignal): boolean {
    return this.#length === known && !signal.aborted;
  }

  #isOver(ref: SessionRef): boolean {
    return this.#isFile(ref) ? this.#endedFiles.has(ref.id) : this.#of(ref).state.phase.name === 'ended';
  }

  async startFile(input: FileInput, waitMs = 0): Promise<ProbedAnswer | null> {
    await Promise.resolve();
    this.#note('startFile', { ref: input.ref });
    if (this.files.some(({ ref }) => ref.id === input.ref.id)) throw new Failure('session_exists', 'there is one');
    this.files.push(input);
    return waitMs > 0 ? this.probed(input.ref, waitMs) : null;
  }

  async fingerprint(ref: SessionRef): Promise<string | null> {
    await Promise.resolve();
    this.#note('fingerprint', { ref });
    return this.files.find((input) => input.ref.id === ref.id)?.fingerprint ?? null;
  }

  async probed(ref: SessionRef, waitMs: number): Promise<ProbedAnswer | null> {
    await Promise.resolve();
    this.#note('probed', { ref, facts: { waitMs } });
    return this.probeAnswer;
  }

  look(ref: SessionRef): Promise<SessionView> {
    return this.view(ref);
  }

  async view(ref: SessionRef): Promise<SessionView> {
    await Promise.resolve();
    this.#note('view', { ref });
    const file = this.files.find((input) => input.ref.id === ref.id);
    if (file === undefined) return viewOf(this.#of(ref).state, this.#of(ref).input);
    return {
      ...viewOf(initialState({ ...file, kind: 'live', audio: NO_AUDIO }, 0), {
        ...file,
        kind: 'live',
        audio: NO_AUDIO,
      }),
      kind: 'file',
      state: 'preparing',
      ...this.fileView,
    };
  }

  async cancel(ref: SessionRef): Promise<void> {
    await Promise.resolve();
    this.#note('cancel', { ref });
    if (this.#isFile(ref)) {
      this.endFile(ref.id, { state: 'cancelled', reason: null, detail: null, segments: 0, audioMs: 0 });
      return;
    }
    const session = this.#of(ref);
    this.command(ref.id, { type: 'Cancel' });
    await this.#close(session);
  }

  erasing: 'erased' | 'erasing' = 'erased';

  async erase(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'> {
    await Promise.resolve();
    this.#note('erase', { ref, facts: { waitMs } });
    return this.erasing;
  }

  async eraseBatch(ref: SessionRef, waitMs: number): Promise<'erased' | 'erasing'> {
    await Promise.resolve();
    this.#note('eraseBatch', { ref, facts: { waitMs } });
    return this.erasing;
  }

  waitingSessions(): Promise<readonly string[]> {
    const running = [...this.#running.values()].filter(({ state }) => state.phase.name === 'queued');
    const others = this.waiting.filter(({ kind }) => kind === 'live').map(({ workflowId }) => workflowId);
    return Promise.resolve([...others, ...running.map(({ input }) => sessionWorkflowId(input.ref))]);
  }

  openSessions(_tenant: string, startedByMs: number): Promise<number> {
    const open = [...this.#running.values()].filter(({ state }) => state.phase.name !== 'ended');
    return Promise.resolve(open.filter(({ state }) => state.startedAtMs <= startedByMs).length);
  }

  endedSessions(): Promise<number> {
    return Promise.resolve(this.ended);
  }

  exists(ref: SessionRef): Promise<boolean> {
    return Promise.resolve(this.#running.has(ref.id));
  }

  async handOver(ref: SessionRef): Promise<void> {
    await Promise.resolve();
    this.#note('handOver', { ref });
    this.command(ref.id, { type: 'HandOver' });
  }

  async drainWorker(workerId: string): Promise<void> {
    await Promise.resolve();
    this.#note('drainWorker', { facts: { workerId } });
  }

  async list(tenant: string, filter: SessionFilter, limit: number, cursor: string | null) {
    await Promise.resolve();
    this.#note('list', { facts: { tenant, filter, limit, cursor } });
    return this.page;
  }

  async queue(model: string): Promise<QueuedSession[]> {
    await Promise.resolve();
    this.#note('queue', { facts: { model } });
    return this.waiting;
  }

  slotTimes(): Promise<SlotTimes> {
    return Promise.resolve({ held: [], recent: { live: [60_000], span: [] } });
  }

  workers(): Promise<WorkerSummary[]> {
    return Promise.resolve(this.present);
  }

  async check(): Promise<void> {
    await Promise.resolve();
    if (this.away !== null) throw this.away;
  }
}

const documentOf = ({ tail, throughByte, audioEndByte }: StreamState) => ({
  segments: tail,
  text: tail.map((segment) => segment.text).join(' '),
  audioMs: Math.round((audioEndByte ?? throughByte) / LOG_BYTES_PER_MS),
});

const NO_AUDIO = { encoding: 's16le', sampleRate: 16_000, channels: 1 } as const;
