/** Lists out of Temporal's visibility: sessions, queues, workers. */
import { createHash } from 'node:crypto';
import type { Client } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Payload } from '@temporalio/common';
import { WORKFLOW } from '../../workflows/contract.ts';
import type { WorkerFacts, WorkerReport } from '../../workflows/contract.ts';
import type { Observation, SlotUse } from '../../workflows/pool/observation.ts';
import { Failure } from '../failures.ts';
import type { QueuedSession, SessionFilter, SessionSummary, SlotTimes, SlotUser, WorkerSummary } from '../ports.ts';

/** One row of a visibility list: search attributes and memo are decoded. */
export interface Row {
  readonly workflowId: string;
  readonly startMs: number;
  readonly closeMs: number | null;
  /** Number of temporal.api.enums.v1.WorkflowExecutionStatus. */
  readonly status: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly memo: Readonly<Record<string, unknown>>;
}

const MAX_ROWS = 1000;
/** From how many ended sessions it is taken how long a slot is held. */
const RECENT = 50;

/** As a string of a visibility query, where the backslash escapes as in MySQL. */
export const quoted = (value: string): string => `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const workflowTypes = (...types: string[]): string => `WorkflowType IN (${types.map(quoted).join(', ')})`;

/** What may wait for a worker and have one: files and versions too, of which the short ones have no workflow for their span. */
const SLOT_USERS = workflowTypes(WORKFLOW.session, WORKFLOW.span, WORKFLOW.file, WORKFLOW.version);

const queuedFor = (model: string): string =>
  `ExecutionStatus = 'Running' AND LonghandModel = ${quoted(model)} AND LonghandState = 'queued'`;

/** States in which a session is over. Whatever its last words were, one that does not run is in none of the others. */
const OVER: readonly string[] = ['completed', 'stopped', 'cancelled', 'failed'];
/** How a session is shown that was ended by Temporal: Failed, Canceled, Terminated, TimedOut. */
const ENDED_OUTSIDE: Readonly<Record<number, string>> = { 3: 'failed', 4: 'cancelled', 5: 'failed', 7: 'failed' };

function sessionQuery(tenant: string, filter: SessionFilter): string {
  const { state, model, kind, startedAfter, startedBefore, labels } = filter;
  return [
    workflowTypes(WORKFLOW.session, WORKFLOW.file),
    `LonghandTenant = ${quoted(tenant)}`,
    "ExecutionStatus != 'ContinuedAsNew'",
    ...(state === undefined ? [] : [stateClause(state)]),
    ...(model === undefined ? [] : [`LonghandModel = ${quoted(model)}`]),
    ...(kind === undefined ? [] : [`LonghandKind = ${quoted(kind)}`]),
    ...(startedAfter === undefined ? [] : [startClause('>', startedAfter)]),
    ...(startedBefore === undefined ? [] : [startClause('<', startedBefore)]),
    ...labels.map((label) => `LonghandLabels = ${quoted(label)}`),
  ].join(' AND ');
}

function stateClause(state: string): string {
  const is = `LonghandState = ${quoted(state)}`;
  if (!OVER.includes(state)) return `(${is} AND ExecutionStatus = 'Running')`;
  const closed = `(${is} AND ExecutionStatus = 'Completed')`;
  if (state === 'cancelled') return `(${closed} OR ExecutionStatus = 'Canceled')`;
  return state === 'failed' ? `(${closed} OR ExecutionStatus IN ('Failed', 'Terminated', 'TimedOut'))` : closed;
}

/** A session that an earlier version began has no time of its own but that of its present run. */
const startClause = (than: '<' | '<=' | '>', time: string): string =>
  `(LonghandStartedAt ${than} ${quoted(time)} OR (LonghandStartedAt IS NULL AND StartTime ${than} ${quoted(time)}))`;

type Time = { seconds?: { toString(): string } | null; nanos?: number | null } | null | undefined;
const milliseconds = (time: Time): number | null =>
  time ? Number((time.seconds ?? 0).toString()) * 1000 + Math.floor((time.nanos ?? 0) / 1e6) : null;

const decodeAll = (fields: Record<string, unknown> | null | undefined): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, payload]) => [
      name,
      defaultPayloadConverter.fromPayload(payload as Payload),
    ]),
  );

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
export const isoTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** Whether a file that has ended may have been started again. */
const isRestartable = (attributes: Row['attributes']): boolean =>
  attributes['LonghandKind'] === 'file' && attributes['LonghandState'] !== 'completed';

const kindOf = ({ attributes }: Row): SlotUser => (attributes['LonghandKind'] === 'live' ? 'live' : 'span');

const queuedAtMs = ({ attributes, startMs }: Row): number =>
  Date.parse(text(attributes['LonghandQueuedAt']) ?? '') || startMs;

/** How long a session has had its worker by then; nothing where it never had one. */
function heldMs({ attributes }: Row, untilMs: number): [] | [number] {
  const sinceMs = Date.parse(text(attributes['LonghandLeasedAt']) ?? '');
  return Number.isNaN(sinceMs) ? [] : [Math.max(0, untilMs - sinceMs)];
}

/** The part of a workflow id after `session/<tenant>/`. */
const idOf = (workflowId: string): string => workflowId.split('/').slice(2).join('/');

export class Visibility {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async sessions(tenant: string, filter: SessionFilter, limit: number, cursor: string | null) {
    const page = await this.#page(sessionQuery(tenant, filter), limit, cursor);
    // SQLite finds a label by its words: whether there are signs or capitals between them is seen here.
    const sessions = (await this.#lastLives(page.rows))
      .map(summaryOf)
      .filter(({ labels }) => filter.labels.every((label) => labels.includes(label)));
    return { sessions, cursor: page.cursor };
  }

  /** Without the earlier lives of files that were restarted: the same session is listed once. */
  async #lastLives(rows: readonly Row[]): Promise<readonly Row[]> {
    const mayGoOn = rows.filter(({ closeMs, attributes }) => closeMs !== null && isRestartable(attributes));
    if (mayGoOn.length === 0) return rows;
    const ids = mayGoOn.map(({ workflowId }) => quoted(workflowId)).join(', ');
    const lives = await this.#page(`WorkflowId IN (${ids}) AND ExecutionStatus != 'ContinuedAsNew'`, MAX_ROWS, null);
    const newest = new Map<string, number>();
    for (const { workflowId, startMs } of lives.rows) {
      newest.set(workflowId, Math.max(startMs, newest.get(workflowId) ?? 0));
    }
    return rows.filter((row) => !mayGoOn.includes(row) || row.startMs >= (newest.get(row.workflowId) ?? 0));
  }

  /** Sessions that wait for a worker of the model, in the order in which Temporal is likely to serve them. */
  async queue(model: string): Promise<QueuedSession[]> {
    const rows = await this.#queued(model);
    const priority = ({ attributes }: Row) => Number(attributes['LonghandPriority'] ?? 5);
    return rows
      .sort((a, b) => priority(a) - priority(b) || queuedAtMs(a) - queuedAtMs(b))
      .map((row) => ({ workflowId: row.workflowId, kind: kindOf(row) }));
  }

  /** How many wait for a worker of the model, at most {@link MAX_ROWS}, and how long the oldest has waited by now. */
  async waiting(model: string, nowMs: number): Promise<{ readonly sessions: number; readonly oldestMs: number }> {
    const rows = await this.#queued(model);
    return { sessions: rows.length, oldestMs: Math.max(0, ...rows.map((row) => nowMs - queuedAtMs(row))) };
  }

  async #queued(model: string): Promise<Row[]> {
    return (await this.#page(`${SLOT_USERS} AND ${queuedFor(model)}`, MAX_ROWS, null)).rows;
  }

  /**
   * Workflow ids of live sessions that wait, at most so many; spans of files wait behind them and are bounded by their files.
   */
  async waitingSessions(model: string, atMost: number): Promise<string[]> {
    const { namespace } = this.#client.options;
    const query = `${workflowTypes(WORKFLOW.session)} AND ${queuedFor(model)}`;
    const ids: string[] = [];
    let nextPageToken: Uint8Array = new Uint8Array();
    do {
      const pageSize = Math.min(MAX_ROWS, atMost - ids.length);
      const request = { namespace, query, pageSize, nextPageToken };
      const page = await this.#client.workflowService.listWorkflowExecutions(request);
      ids.push(...page.executions.map(({ execution }) => execution?.workflowId ?? ''));
      nextPageToken = page.nextPageToken;
    } while (nextPageToken.length > 0 && ids.length < atMost);
    return ids;
  }

  /** Live sessions of a tenant that have not ended, of those that were started at a time or before. */
  async openSessions(tenant: string, startedByMs: number): Promise<number> {
    const which = `ExecutionStatus = 'Running' AND LonghandTenant = ${quoted(tenant)}`;
    const started = startClause('<=', new Date(startedByMs).toISOString());
    return this.#count(`${workflowTypes(WORKFLOW.session)} AND ${which} AND ${started}`);
  }

  /** Sessions of a tenant, live ones and files, that have ended. */
  async endedSessions(tenant: string): Promise<number> {
    const running = `ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew'`;
    const which = `${running} AND LonghandTenant = ${quoted(tenant)}`;
    return this.#count(`${workflowTypes(WORKFLOW.session, WORKFLOW.file)} AND ${which}`);
  }

  async #count(query: string): Promise<number> {
    const { namespace } = this.#client.options;
    const { count } = await this.#client.workflowService.countWorkflowExecutions({ namespace, query });
    return Number(count.toString());
  }

  /** How long slots of a model are held, and were held by the sessions and spans that ended last. */
  async slotTimes(model: string, nowMs: number): Promise<SlotTimes> {
    const of = `LonghandModel = ${quoted(model)}`;
    const running = `${SLOT_USERS} AND ${of} AND ExecutionStatus = 'Running' AND LonghandState = 'streaming'`;
    const recent = async (...types: string[]): Promise<number[]> => {
      const query = `${workflowTypes(...types)} AND ${of} AND ExecutionStatus = 'Completed'`;
      const { rows } = await this.#page(query, RECENT, null);
      return rows.flatMap((row) => heldMs(row, row.closeMs ?? nowMs));
    };
    const [{ rows }, live, span] = await Promise.all([
      this.#page(running, MAX_ROWS, null),
      recent(WORKFLOW.session),
      recent(WORKFLOW.span, WORKFLOW.file, WORKFLOW.version),
    ]);
    const held = rows.flatMap((row) => heldMs(row, nowMs).map((ms) => ({ kind: kindOf(row), ms })));
    return { held, recent: { live, span } };
  }

  /** Sessions and spans that ended since: how many had a slot, and how long they had held their last ones in all. */
  async ended(model: string, sinceMs: number): Promise<Observation['ended']> {
    const which = `${SLOT_USERS} AND LonghandModel = ${quoted(model)}`;
    const since = quoted(new Date(sinceMs).toISOString());
    const closed = `ExecutionStatus != 'Running' AND ExecutionStatus != 'ContinuedAsNew' AND CloseTime > ${since}`;
    const { rows } = await this.#page(`${which} AND ${closed}`, MAX_ROWS, null);
    const tenants: Record<string, SlotUse> = {};
    const all = { sessions: 0, slotMs: 0 };
    for (const row of rows) {
      const [ms] = heldMs(row, row.closeMs ?? sinceMs);
      if (ms === undefined) continue;
      const tenant = text(row.attributes['LonghandTenant']) ?? '';
      const { sessions, slotMs } = tenants[tenant] ?? { sessions: 0, slotMs: 0 };
      tenants[tenant] = { sessions: sessions + 1, slotMs: slotMs + ms };
      all.sessions += 1;
      all.slotMs += ms;
    }
    return { ...all, tenants };
  }

  /** @param model of one pool only. */
  async workers(model?: string): Promise<WorkerSummary[]> {
    const running = `${workflowTypes(WORKFLOW.worker)} AND ExecutionStatus = 'Running'`;
    const query = model === undefined ? running : `${running} AND LonghandModel = ${quoted(model)}`;
    const { rows } = await this.#page(query, MAX_ROWS, null);
    return Promise.all(rows.map((row) => this.#worker(row)));
  }

  /** Facts are in the memo; what the worker is doing is in its presence's last heartbeat. */
  async #worker({ workflowId, memo }: Row): Promise<WorkerSummary> {
    const { raw } = await this.#client.workflow.getHandle(workflowId).describe();
    const payload = raw.pendingActivities?.[0]?.heartbeatDetails?.payloads?.[0];
    const report = payload ? defaultPayloadConverter.fromPayload<WorkerReport>(payload) : null;
    return { ...(memo['facts'] as WorkerFacts), draining: report?.draining ?? false, sessions: report?.sessions ?? [] };
  }

  /** Any page of workflows. @throws Failure when the cursor is none of ours */
  page(query: string, pageSize: number, cursor: string | null): Promise<{ rows: Row[]; cursor: string | null }> {
    return this.#page(query, pageSize, cursor);
  }

  async #page(query: string, pageSize: number, cursor: string | null) {
    const { namespace } = this.#client.options;
    const nextPageToken = cursor === null ? null : openCursor(query, cursor);
    const request = { namespace, query, pageSize, nextPageToken };
    const answer = await this.#client.workflowService.listWorkflowExecutions(request);
    const rows = answer.executions.map(({ execution, startTime, closeTime, status, searchAttributes, memo }): Row => ({
      workflowId: execution?.workflowId ?? '',
      startMs: milliseconds(startTime) ?? 0,
      closeMs: milliseconds(closeTime),
      status: status ?? 0,
      attributes: decodeAll(searchAttributes?.indexedFields),
      memo: decodeAll(memo?.fields),
    }));
    return { rows, cursor: answer.nextPageToken.length === 0 ? null : wrapCursor(query, answer.nextPageToken) };
  }
}

function summaryOf({ workflowId, startMs, closeMs, status, attributes, memo }: Row): SessionSummary {
  return {
    id: idOf(workflowId),
    kind: text(attributes['LonghandKind']) ?? 'live',
    state: ENDED_OUTSIDE[status] ?? text(attributes['LonghandState']) ?? 'queued',
    model: text(attributes['LonghandModel']) ?? '',
    labels: (attributes['LonghandLabels'] as readonly string[] | undefined) ?? [],
    worker: text(attributes['LonghandWorker']),
    startedAt: new Date(text(attributes['LonghandStartedAt']) ?? text(memo['startedAt']) ?? startMs).toISOString(),
    endedAt: isoTime(closeMs),
  };
}

const CHECK_BYTES = 6;
const checkOf = (query: string, token: Uint8Array): Buffer =>
  createHash('sha256').update(query).update(token).digest().subarray(0, CHECK_BYTES);

/** A page token of Temporal's with a check, so that a cursor that is none of this list's is refused and not asked about. */
const wrapCursor = (query: string, token: Uint8Array): string =>
  Buffer.concat([checkOf(query, token), token]).toString('base64url');

function openCursor(query: string, cursor: string): Buffer {
  const bytes = Buffer.from(cursor, 'base64url');
  const token = bytes.subarray(CHECK_BYTES);
  if (token.length > 0 && checkOf(query, token).equals(bytes.subarray(0, CHECK_BYTES))) return token;
  throw new Failure('invalid_parameter', 'cursor: one that a page of this list gave, with the same parameters');
}
