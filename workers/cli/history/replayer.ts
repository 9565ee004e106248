/** Replays recorded runs against the present workflow code, and finds where one first differs. */
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { explain } from './difference.ts';
import { historyFromJson } from './proto-json.ts';
import type { HistoryEvent, RecordedRun } from './recording.ts';

/** Where a run's history and the code part. */
export interface Difference {
  readonly eventId: number;
  /** As Temporal names it, e.g. `ActivityTaskScheduled`. */
  readonly eventType: string;
  /** What the history holds and what the code would do, in the words of Temporal's SDK; never a payload. */
  readonly message: string;
}

export interface RunReplay {
  readonly run: RecordedRun;
  /** null: the code does what the history says. */
  readonly difference: Difference | null;
}

const quiet = (): void => undefined;

export class Replayer {
  readonly #bundle: WorkflowBundle;

  private constructor(bundle: WorkflowBundle) {
    this.#bundle = bundle;
  }

  /**
   * Bundles the workflows once, for any number of replays. The SDK's own lines are switched off, for the whole process:
   * they quote events with their payloads.
   * @throws Error when the code does not bundle.
   */
  static async open(): Promise<Replayer> {
    Runtime.install({
      logger: new DefaultLogger('ERROR', quiet),
      telemetryOptions: { logging: { filter: 'OFF' } },
      shutdownSignals: [],
    });
    const workflowsPath = fileURLToPath(new URL('../../../workflows/index.ts', import.meta.url));
    const logger = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet, log: quiet };
    return new Replayer(await bundleWorkflowCode({ workflowsPath, logger }));
  }

  /** Each run in turn. */
  async *replay(runs: readonly RecordedRun[]): AsyncGenerator<RunReplay> {
    for (const run of runs) {
      const fault = await this.#try(run, run.events);
      yield { run, difference: fault === null ? null : await this.#locate(run, fault) };
    }
  }

  /** What the SDK says of a replay that fails; null when it does not. */
  async #try(run: RecordedRun, events: readonly HistoryEvent[]): Promise<string | null> {
    const { workflowId } = run;
    const replays = Worker.runReplayHistories({ workflowBundle: this.#bundle }, [
      { workflowId, history: historyFromJson({ events }) },
    ]);
    let fault: string | null = null;
    for await (const { error } of replays) fault = error?.message ?? null;
    return fault;
  }

  /** The SDK names the event or not. If not: it is among those of the first workflow task with which replay fails. */
  async #locate(run: RecordedRun, fault: string): Promise<Difference> {
    const { message, eventId, quoted } = explain(fault);
    const named = run.events.find((event) => Number(event.eventId) === eventId);
    if (named !== undefined) return differenceAt(named, message);
    const suspects = await this.#firstFailingTask(run);
    const event = suspects.find((suspect) => quoted.some((name) => mentions(suspect, name))) ?? suspects[0];
    if (event === undefined) throw new Error(`no event of run ${run.runId}`);
    return differenceAt(event, message);
  }

  /** The events that came with the first workflow task that cannot be replayed: found by halving. */
  async #firstFailingTask({ events, ...run }: RecordedRun): Promise<readonly HistoryEvent[]> {
    const ends = events.flatMap(({ eventType }, i) => (typeName(eventType) === 'WorkflowTaskStarted' ? [i + 1] : []));
    ends.push(events.length);
    let good = 0;
    let bad = ends.length - 1;
    while (good < bad) {
      const middle = (good + bad) >> 1;
      const fails = (await this.#try({ events, ...run }, events.slice(0, ends[middle]))) !== null;
      if (fails) bad = middle;
      else good = middle + 1;
    }
    return events.slice(ends[bad - 1] ?? 0, ends[bad]);
  }
}

const differenceAt = ({ eventId, eventType }: HistoryEvent, message: string): Difference => ({
  eventId: Number(eventId),
  eventType: typeName(eventType),
  message,
});

/** An activity, a timer or a workflow of this name. */
const mentions = (event: HistoryEvent, name: string): boolean => JSON.stringify(event).includes(`"${name}"`);

/** `EVENT_TYPE_TIMER_STARTED` → `TimerStarted`. */
const typeName = (eventType: string): string =>
  eventType
    .replace(/^EVENT_TYPE_/, '')
    .split('_')
    .map((word) => word.charAt(0) + word.slice(1).toLowerCase())
    .join('');
