/** Files and versions as workflows: what may be asked of them besides what every session is asked. */
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import { specAttributes } from '../../workflows/attributes.ts';
import {
  CONTROL_QUEUE,
  QUERY,
  SIGNAL,
  WORKFLOW,
  sessionWorkflowId,
  versionWorkflowId,
} from '../../workflows/contract.ts';
import type { FileInput, SessionRef, SessionView, VersionInput } from '../../workflows/contract.ts';
import { Failure } from '../failures.ts';
import type { FilesPort } from '../ports.ts';
import { Calls } from './calls.ts';
import { asOurs } from './errors.ts';
import { uploadMemo } from './sessions.ts';

const WORKFLOW_TASK_TIMEOUT = '2s';

export class TemporalFiles implements FilesPort {
  readonly #client: Client;
  readonly #calls: Calls;

  /** @param deadlineMs longest wait for one answer. */
  constructor(client: Client, deadlineMs: number) {
    this.#client = client;
    this.#calls = new Calls(client, deadlineMs);
  }

  async stop(ref: SessionRef): Promise<void> {
    await this.#calls.ask(() => this.#client.workflow.getHandle(sessionWorkflowId(ref)).signal(SIGNAL.stop));
  }

  input(ref: SessionRef): Promise<FileInput> {
    return this.#calls.ask(() => this.#client.workflow.getHandle(sessionWorkflowId(ref)).query<FileInput>(QUERY.input));
  }

  async restart(input: FileInput): Promise<void> {
    const started = await this.#start(WORKFLOW.file, sessionWorkflowId(input.ref), input, 'ALLOW_DUPLICATE');
    if (!started) throw new Failure('wrong_state', 'the file goes on already');
  }

  startVersion(input: VersionInput): Promise<boolean> {
    return this.#start(WORKFLOW.version, versionWorkflowId(input.ref, input.version), input, 'REJECT_DUPLICATE');
  }

  async cancelVersion(ref: SessionRef, version: number): Promise<void> {
    const handle = this.#client.workflow.getHandle(versionWorkflowId(ref, version));
    await this.#calls.askIfThere(() => handle.signal(SIGNAL.cancel));
  }

  versionView(ref: SessionRef, version: number): Promise<SessionView> {
    const handle = this.#client.workflow.getHandle(versionWorkflowId(ref, version));
    return this.#calls.ask(() => handle.query<SessionView>(QUERY.view), 'no such version');
  }

  /** Answers false where there is one. */
  async #start(
    type: string,
    workflowId: string,
    input: FileInput | VersionInput,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' | 'REJECT_DUPLICATE',
  ): Promise<boolean> {
    try {
      await this.#calls.within(() =>
        this.#client.workflow.start(type, {
          taskQueue: CONTROL_QUEUE,
          workflowId,
          workflowIdReusePolicy,
          workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
          typedSearchAttributes: specAttributes(input, 'file'),
          memo: { startedAt: new Date().toISOString(), ...uploadMemo(input) },
          args: [input],
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw asOurs(error);
    }
  }
}
