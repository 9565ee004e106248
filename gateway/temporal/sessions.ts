/** Sessions as workflows: this folder is the one place of the gateway that knows Temporal's client. */
import {
  WithStartWorkflowOperation,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
} from '@temporalio/client';
import type { Client, Workflow, WorkflowHandle } from '@temporalio/client';
import { setTimeout as pause } from 'node:timers/promises';
import { specAttributes } from '../../workflows/attributes.ts';
import {
  CONTROL_QUEUE,
  QUERY,
  REFUSAL,
  SIGNAL,
  UPDATE,
  WORKFLOW,
  sessionWorkflowId,
  workerWorkflowId,
} from '../../workflows/contract.ts';
import type {
  Attach,
  AttachAnswer,
  FileInput,
  LiveInput,
  ProbedAnswer,
  SegmentsAnswer,
  SessionRef,
  SessionResult,
  SessionSpec,
  SessionView,
} from '../../workflows/contract.ts';
import { atMostEvery } from '../at-most-every.ts';
import { Failure } from '../failures.ts';
import type { QueuedSession, SessionFilter, SessionsPort, SlotTimes, WorkerSummary } from '../ports.ts';
import { Calls } from './calls.ts';
import { changesOf } from './changes.ts';
import { lastView } from './last-view.ts';
import { asOurs, isAway, isGone, refusalOf, resultOfFailure } from './errors.ts';
import { Turn } from './turn.ts';
import { Visibility } from './visibility.ts';

/** A stalled orchestrator is found by this limit, not by the default of 10 s; replay must fit. */
const WORKFLOW_TASK_TIMEOUT = '2s';
const RESULT_RETRY_MS = 500;
/**
 * The SDK leaves a listener, and with it the whole call, on the signal of each long poll, of which one follows the other
 * every 20 s: they are let go of together with a signal that lives only for so long.
 */
const RESULT_TURN_MS = 60_000;

/** How old an answer about the whole pool may be. */
const SHORT_MS = 1000;

/** Which upload a file is made from, for whoever removes uploads; and what it was asked for with. */
export const uploadMemo = (spec: SessionSpec & Partial<Pick<FileInput, 'uploadId' | 'fingerprint'>>) => ({
  ...(spec.uploadId === undefined ? {} : { uploadId: spec.uploadId }),
  ...(spec.fingerprint === undefined ? {} : { fingerprint: spec.fingerprint }),
});

export class TemporalSessions implements SessionsPort {
  readonly #client: Client;
  readonly #deadlineMs: number;
  readonly #calls: Calls;
  readonly #visibility: Visibility;
  readonly #workers: () => Promise<WorkerSummary[]>;
  readonly #ended = new Map<string, () => Promise<number>>();

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#deadlineMs = deadlineMs;
    this.#calls = new Calls(client, deadlineMs);
    this.#visibility = new Visibility(client);
    this.#workers = atMostEvery(SHORT_MS, () => this.#calls.ask(() => this.#visibility.workers()));
  }

  async attach(input: LiveInput, attach: Attach): Promise<AttachAnswer | { readonly ended: SessionResult }> {
    try {
      return await this.#calls.within(() =>
        this.#client.workflow.executeUpdateWithStart<Workflow, AttachAnswer, [Attach]>(UPDATE.attach, {
          args: [attach],
          startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW.session, {
            ...this.#startOptions(input, 'live'),
            args: [input],
            workflowIdConflictPolicy: 'USE_EXISTING',
          }),
        }),
      );
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal?.type === REFUSAL.notLive) throw new Failure('session_exists', refusal.message);
      if (refusal?.type === REFUSAL.formatChanged) throw new Failure('format_changed', refusal.message);
      if (refusal?.type === REFUSAL.outdatedAttempt) throw new Failure('superseded', refusal.message);
      const ended = refusal?.type === REFUSAL.sessionEnded || error instanceof WorkflowExecutionAlreadyStartedError;
      if (!ended) throw asOurs(error);
      return { ended: await this.result(input.ref, AbortSignal.timeout(this.#deadlineMs)) };
    }
  }

  #startOptions(spec: SessionSpec, kind: 'live' | 'file') {
    return {
      taskQueue: CONTROL_QUEUE,
      workflowId: sessionWorkflowId(spec.ref),
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
      typedSearchAttributes: specAttributes(spec, kind),
      memo: { startedAt: new Date().toISOString(), ...uploadMemo(spec) },
    } as const;
  }

  async detach(ref: SessionRef, connection: string): Promise<void> {
    await this.#signal(sessionWorkflowId(ref), SIGNAL.detach, { connection });
  }

  async finishAudio(ref: SessionRef, endByte: number): Promise<void> {
    await this.#signal(sessionWorkflowId(ref), SIGNAL.finishAudio, { endByte });
  }

  async workerLost(workflowId: string, epoch: number, why: string): Promise<void> {
    await this.#signal(workflowId, SIGNAL.workerLost, { epoch, why });
  }

  async cancel(ref: SessionRef): Promise<void> {
    const handle = this.#handle(ref);
    await this.#calls.ask(() => handle.signal(SIGNAL.cancel));
  }

  async handOver(ref: SessionRef): Promise<void> {
    const handle = this.#handle(ref);
    await this.#calls.ask(() => handle.signal(SIGNAL.handOver));
  }

  async drainWorker(workerId: string): Promise<void> {
    const handle = this.#client.workflow.getHandle(workerWorkflowId(workerId));
    await this.#calls.ask(() => handle.signal(SIGNAL.drain), 'no such worker');
  }

  /** A signal that is late, because the session has ended, is no fault. */
  async #signal(workflowId: string, name: string, payload: object): Promise<void> {
    await this.#calls.askIfThere(() => this.#client.workflow.getHandle(workflowId).signal(name, payload));
  }

  segments(ref: SessionRef, from: number): Promise<SegmentsAnswer> {
    return this.#calls.ask(() => this.#handle(ref).query<SegmentsAnswer, [number]>(QUERY.segments, from));
  }

  view(ref: SessionRef): Promise<SessionView> {
    return this.#calls.ask(() => this.#handle(ref).query<SessionView>(QUERY.view));
  }

  async look(ref: SessionRef): Promise<SessionView> {
    const left = await this.#calls.ask(() => lastView(this.#client, sessionWorkflowId(ref)));
    return left ?? this.view(ref);
  }

  async result(ref: SessionRef, signal: AbortSignal): Promise<SessionResult> {
    for (;;) {
      const turn = new Turn(signal, RESULT_TURN_MS);
      try {
        const asked = this.#client.withAbortSignal(turn.signal, () => this.#handle(ref).result());
        return (await asked) as SessionResult;
      } catch (error) {
        if (error instanceof WorkflowFailedError) return resultOfFailure(error);
        // Whatever else goes wrong on the way: nobody asks a second time, and without an answer a client waits for ever.
        if (signal.aborted || isGone(error)) throw asOurs(error);
        if (!turn.signal.aborted) await pause(RESULT_RETRY_MS);
      } finally {
        turn.end();
      }
    }
  }

  changes(ref: SessionRef, signal: AbortSignal): AsyncIterable<unknown> {
    return changesOf(this.#client, sessionWorkflowId(ref), signal);
  }

  async startFile(input: FileInput, waitMs = 0): Promise<ProbedAnswer | null> {
    try {
      if (waitMs > 0) return await this.#startProbed(input, waitMs);
      const options = { ...this.#startOptions(input, 'file'), args: [input] };
      await this.#calls.within(() => this.#client.workflow.start(WORKFLOW.file, options));
      return null;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) {
        throw new Failure('session_exists', `a session with the id ${input.ref.id} exists already`);
      }
      throw asOurs(error);
    }
  }

  /** Both in one call: where it takes no longer than a moment, in one workflow task. */
  async #startProbed(input: FileInput, waitMs: number): Promise<ProbedAnswer | null> {
    try {
      return await this.#client.withDeadline(Date.now() + waitMs, () =>
        this.#client.workflow.executeUpdateWithStart<Workflow, ProbedAnswer, []>(UPDATE.probed, {
          startWorkflowOperation: new WithStartWorkflowOperation(WORKFLOW.file, {
            ...this.#startOptions(input, 'file'),
            args: [input],
            workflowIdConflictPolicy: 'FAIL',
          }),
        }),
      );
    } catch (error) {
      // It takes longer, or it could not be started.
      if (isAway(error) && (await this.exists(input.ref))) return null;
      throw error;
    }
  }

  async fingerprint(ref: SessionRef): Promise<string | null> {
    const described = await this.#calls.askIfThere(() => this.#handle(ref).describe());
    const fingerprint = described?.memo?.['fingerprint'];
    return typeof fingerprint === 'string' ? fingerprint : null;
  }

  async probed(ref: SessionRef, waitMs: number): Promise<ProbedAnswer | null> {
    try {
      return await this.#client.withDeadline(Date.now() + waitMs, () =>
        this.#handle(ref).executeUpdate<ProbedAnswer, []>(UPDATE.probed),
      );
    } catch (error) {
      // It takes longer, or it is over already: the session's state says the rest.
      if (isAway(error) || isGone(error)) return null;
      throw error;
    }
  }

  list(tenant: string, filter: SessionFilter, limit: number, cursor: string | null) {
    return this.#calls.ask(() => this.#visibility.sessions(tenant, filter, limit, cursor));
  }

  queue(model: string): Promise<QueuedSession[]> {
    return this.#calls.ask(() => this.#visibility.queue(model));
  }

  slotTimes(model: string): Promise<SlotTimes> {
    return this.#calls.ask(() => this.#visibility.slotTimes(model, Date.now()));
  }

  workers(): Promise<WorkerSummary[]> {
    return this.#workers();
  }

  waitingSessions(model: string, atMost: number): Promise<string[]> {
    return this.#calls.ask(() => this.#visibility.waitingSessions(model, atMost));
  }

  openSessions(tenant: string, startedByMs: number): Promise<number> {
    return this.#calls.ask(() => this.#visibility.openSessions(tenant, startedByMs));
  }

  endedSessions(tenant: string): Promise<number> {
    const known = this.#ended.get(tenant);
    if (known !== undefined) return known();
    const ask = atMostEvery(SHORT_MS, () => this.#calls.ask(() => this.#visibility.endedSessions(tenant)));
    this.#ended.set(tenant, ask);
    return ask();
  }

  async exists(ref: SessionRef): Promise<boolean> {
    return (await this.#calls.askIfThere(() => this.#handle(ref).describe())) !== null;
  }

  async check(): Promise<void> {
    await this.#calls.ask(() =>
      this.#client.workflowService.describeNamespace({ namespace: this.#client.options.namespace }),
    );
  }

  #handle(ref: SessionRef): WorkflowHandle {
    return this.#client.workflow.getHandle(sessionWorkflowId(ref));
  }
}
