/** A session's history, read plainly: what was committed, by which leases, and how it ended. */
import { openClient } from '../../infra/temporal.ts';
import { fetchRecording } from '../../workers/cli/history/fetch.ts';
import type { HistoryEvent, RecordedRun } from '../../workers/cli/history/recording.ts';
import { QUERY, SIGNAL, UPDATE } from '../../workflows/contract.ts';
import type { Commit, FinishAudio, Lease, Segment, SessionResult, SessionView } from '../../workflows/contract.ts';
import type { StreamState } from '../../workflows/session/state.ts';

export interface SessionHistory {
  /** Oldest first. */
  readonly runs: readonly RecordedRun[];
  /** What the workflow itself says, from the state that it has folded. */
  readonly view: SessionView;
}

export async function fetchHistory(address: string, workflowId: string): Promise<SessionHistory> {
  const client = openClient(address, 'default');
  try {
    const { runs, incomplete } = await fetchRecording(client, workflowId);
    if (incomplete.length > 0) throw new Error(`runs are missing of ${incomplete.join(', ')}`);
    return { runs, view: await client.workflow.getHandle(workflowId).query<SessionView>(QUERY.view) };
  } finally {
    await client.connection.close();
  }
}

/** How many segments a session's history holds by now; asks no workflow. */
export async function committedCount(address: string, workflowId: string): Promise<number> {
  const client = openClient(address, 'default');
  try {
    return fold((await fetchRecording(client, workflowId)).runs).segments.length;
  } finally {
    await client.connection.close();
  }
}

/** What a history says, without a rule of the product: accepted commits one after the other. */
export interface Folded {
  readonly segments: readonly Segment[];
  readonly throughByte: number;
  readonly audioEndByte: number | null;
  /** Epochs of the accepted commits, in order. */
  readonly commitEpochs: readonly number[];
  /** The newest epoch that was granted when each of them was accepted. */
  readonly newestEpochs: readonly number[];
  /** How each run ended, by its last event's type. */
  readonly endings: readonly string[];
  /** null while the session goes on, or when it ended without one. */
  readonly result: SessionResult | null;
}

type Attributes = Readonly<Record<string, unknown>>;
interface Payloads {
  readonly payloads?: readonly { readonly data?: string }[];
}

const attributesOf = (event: HistoryEvent, name: string): Attributes | null =>
  (event[`${name}EventAttributes`] as Attributes | undefined) ?? null;

const valueOf = (payloads: unknown, index = 0): unknown =>
  JSON.parse(Buffer.from((payloads as Payloads).payloads?.[index]?.data ?? '', 'base64').toString('utf8'));

/** @throws AssertionError when the state that a run carries into the next one is not what its history says. */
export function fold(runs: readonly RecordedRun[]): Folded {
  const folding = new Folding();
  for (const { events } of runs) for (const event of events) folding.take(event);
  const endings = runs.map(({ events }) => events.at(-1)?.eventType ?? 'none');
  return Object.assign(folding, { endings });
}

class Folding {
  readonly segments: Segment[] = [];
  throughByte = 0;
  audioEndByte: number | null = null;
  readonly commitEpochs: number[] = [];
  readonly newestEpochs: number[] = [];
  result: SessionResult | null = null;
  readonly #allocations = new Set<string>();
  #newestEpoch = 0;

  take(event: HistoryEvent): void {
    this.#commit(attributesOf(event, 'workflowExecutionUpdateAccepted'));
    this.#signal(attributesOf(event, 'workflowExecutionSignaled'));
    this.#scheduled(event, attributesOf(event, 'activityTaskScheduled'));
    this.#granted(attributesOf(event, 'activityTaskCompleted'));
    const completed = attributesOf(event, 'workflowExecutionCompleted');
    if (completed !== null) this.result = valueOf(completed['result']) as SessionResult;
    const continued = attributesOf(event, 'workflowExecutionContinuedAsNew');
    if (continued !== null) this.#carried(valueOf(continued['input'], 1) as StreamState);
  }

  #commit(accepted: Attributes | null): void {
    const request = accepted?.['acceptedRequest'] as { input: { name: string; args: Payloads } } | undefined;
    if (request?.input.name !== UPDATE.commit) return;
    const { epoch, segments, throughByte } = valueOf(request.input.args) as Commit;
    this.commitEpochs.push(epoch);
    this.newestEpochs.push(this.#newestEpoch);
    this.segments.push(...segments.filter(({ index }) => index >= this.segments.length));
    this.throughByte = Math.max(this.throughByte, throughByte);
  }

  #signal(signal: Attributes | null): void {
    if (signal?.['signalName'] !== SIGNAL.finishAudio) return;
    this.audioEndByte ??= (valueOf(signal['input']) as FinishAudio).endByte;
  }

  #scheduled({ eventId }: HistoryEvent, scheduled: Attributes | null): void {
    const type = scheduled?.['activityType'] as { name: string } | undefined;
    if (type?.name === 'allocateWorker') this.#allocations.add(String(eventId));
  }

  #granted(completed: Attributes | null): void {
    if (completed === null || !this.#allocations.delete(String(completed['scheduledEventId']))) return;
    this.#newestEpoch = Math.max(this.#newestEpoch, (valueOf(completed['result']) as Lease).epoch);
  }

  #carried({ nextIndex, throughByte, tail, tailFrom }: StreamState): void {
    this.#allocations.clear();
    expect({ nextIndex, throughByte, tail }).toEqual({
      nextIndex: this.segments.length,
      throughByte: this.throughByte,
      tail: this.segments.slice(tailFrom),
    });
  }
}
