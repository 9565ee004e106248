/** A file's side of its tenant's lanes: asks for as many as it can use, and gives back what it can not. */
import {
  CancellationScope,
  ParentClosePolicy,
  condition,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  setHandler,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import { SIGNAL, WORKFLOW, lanesWorkflowId } from '../contract.ts';
import type { AskLanes, GrantLanes, SessionSpec } from '../contract.ts';

const askSignal = defineSignal<[AskLanes]>(SIGNAL.askLanes);
const grantSignal = defineSignal<[GrantLanes]>(SIGNAL.grantLanes);

/** One that waits asks again: who shares the lanes out may have been terminated. */
const ASK_AGAIN_MS = 300_000;

/** What the next run of a file is to know. */
export interface HeldLanes {
  readonly granted: number;
  readonly turn: number;
  readonly life?: number;
}

export class LaneHolder {
  readonly #spec: SessionSpec;
  #held: HeldLanes;
  #wanted = 0;
  #sending = 0;
  #isExempt = false;

  constructor(spec: SessionSpec, carried?: HeldLanes) {
    this.#spec = spec;
    this.#held = carried ?? { granted: 0, turn: 0, life: workflowInfo().startTime.getTime() };
    setHandler(grantSignal, ({ lanes, turn, life = this.#held.life }) => {
      if (turn === this.#held.turn && life === this.#held.life) this.#held = { ...this.#held, granted: lanes };
    });
  }

  /** How many spans may run at a time. */
  get granted(): number {
    return this.#isBounded ? Math.min(this.#held.granted, this.#wanted) : this.#wanted;
  }

  get carried(): HeldLanes {
    return this.#held;
  }

  get #isBounded(): boolean {
    return this.#spec.bounds.maxTenantSpans !== undefined && !this.#isExempt;
  }

  /** A file of one span takes no lane: like a live session it waits in its model's queue, in its tenant's share. */
  exempt(): void {
    this.#isExempt = true;
  }

  /** So many would be of use from now on; 0 gives all back. */
  want(lanes: number): void {
    const { granted, turn } = this.#held;
    const isKnown = lanes === granted && this.#wanted <= granted;
    this.#wanted = lanes;
    if (!this.#isBounded || isKnown) return;
    this.#held = { ...this.#held, granted: Math.min(granted, lanes), turn: turn + 1 };
    this.#ask();
  }

  /** Waits until it holds; asks again while it waits for a lane. */
  async until(holds: () => boolean): Promise<void> {
    while (this.#isBounded && this.granted < this.#wanted && !holds()) {
      const isSettled = await condition(() => holds() || this.granted === this.#wanted, ASK_AGAIN_MS);
      if (!isSettled) this.#ask();
    }
    await condition(holds);
  }

  /** All that was said is heard. */
  async settled(): Promise<void> {
    await condition(() => this.#sending === 0);
  }

  #ask(): void {
    this.#sending += 1;
    CancellationScope.nonCancellable(() => this.#send())
      // In vain: it is asked again.
      .catch(() => undefined)
      .finally(() => (this.#sending -= 1));
  }

  /** Nobody may be there to share them out: then one is begun. */
  async #send(): Promise<void> {
    const { ref, priority, bounds } = this.#spec;
    const workflowId = lanesWorkflowId(ref.tenant);
    const { maxTenantSpans: bound = Infinity } = bounds;
    const lanes = this.#wanted;
    const { granted: holds, ...order } = this.#held;
    const ask: AskLanes = { file: workflowInfo().workflowId, lanes, holds, priority, bound, ...order };
    const tell = () => getExternalWorkflowHandle(workflowId).signal(askSignal, ask);
    try {
      await tell();
    } catch (error) {
      if (isCancellation(error) || lanes === 0) return;
      await startChild<(tenant: string) => Promise<void>>(WORKFLOW.lanes, {
        workflowId,
        args: [ref.tenant],
        parentClosePolicy: ParentClosePolicy.ABANDON,
        workflowTaskTimeout: '2s',
      }).catch(() => undefined);
      await tell();
    }
  }
}
