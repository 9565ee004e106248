/** Search attributes: what lists and filters of sessions and workers read from Temporal's visibility. */
import { defineSearchAttributeKey } from '@temporalio/common';
import type { SearchAttributePair, SearchAttributeUpdatePair } from '@temporalio/common';
import { priorityKey } from './session/project.ts';
import type { SessionSpec } from './contract.ts';
import { mayBePlain } from './file/plain.ts';
import type { Phase } from './session/state.ts';

const KEY = {
  tenant: defineSearchAttributeKey('LonghandTenant', 'KEYWORD'),
  state: defineSearchAttributeKey('LonghandState', 'KEYWORD'),
  model: defineSearchAttributeKey('LonghandModel', 'KEYWORD'),
  kind: defineSearchAttributeKey('LonghandKind', 'KEYWORD'),
  worker: defineSearchAttributeKey('LonghandWorker', 'KEYWORD'),
  priority: defineSearchAttributeKey('LonghandPriority', 'INT'),
  queuedAt: defineSearchAttributeKey('LonghandQueuedAt', 'DATETIME'),
  leasedAt: defineSearchAttributeKey('LonghandLeasedAt', 'DATETIME'),
  startedAt: defineSearchAttributeKey('LonghandStartedAt', 'DATETIME'),
  labels: defineSearchAttributeKey('LonghandLabels', 'KEYWORD_LIST'),
};

/** What a session is started with. */
export function specAttributes(spec: SessionSpec, kind: 'live' | 'span' | 'file'): SearchAttributePair[] {
  return [
    { key: KEY.tenant, value: spec.ref.tenant },
    { key: KEY.model, value: spec.model },
    { key: KEY.kind, value: kind },
    { key: KEY.state, value: kind === 'file' && !mayBePlain(spec) ? 'preparing' : 'queued' },
    { key: KEY.priority, value: priorityKey(kind, spec.priority, false) },
    { key: KEY.queuedAt, value: new Date() },
    ...(kind === 'span' ? [] : ownAttributes(spec)),
  ];
}

/** What a list shows and finds; spans are in none. */
const ownAttributes = ({ labels = [] }: SessionSpec): SearchAttributePair[] => [
  { key: KEY.startedAt, value: new Date() },
  ...(labels.length === 0 ? [] : [{ key: KEY.labels, value: [...labels] }]),
];

export const workerAttributes = (model: string): SearchAttributePair[] => [{ key: KEY.model, value: model }];

/** A webhook, or a receiver that is disabled. */
export const webhookAttributes = (
  tenant: string,
  kind: 'webhook' | 'receiver',
  state: string,
): SearchAttributePair[] => [
  { key: KEY.tenant, value: tenant },
  { key: KEY.kind, value: kind },
  { key: KEY.state, value: state },
];

export const stateAttribute = (state: string): SearchAttributePair[] => [{ key: KEY.state, value: state }];

/** A batch runs from the first moment on. */
export const batchAttributes = (tenant: string): SearchAttributePair[] => [
  { key: KEY.tenant, value: tenant },
  { key: KEY.kind, value: 'batch' },
  { key: KEY.state, value: 'running' },
];

export const eraseAttributes = (tenant: string): SearchAttributePair[] => [{ key: KEY.tenant, value: tenant }];

/** @param hadWorker its span was transcribed in its own workflow: no worker has it any more. */
export const fileAttributes = (state: string, hadWorker = false): SearchAttributeUpdatePair[] => [
  { key: KEY.state, value: state },
  ...(hadWorker ? [{ key: KEY.worker, value: null }] : []),
];

/**
 * What changes with a session's phase.
 * @param priority Temporal's key with which a slot is asked for.
 * @param nowMs when the phase began.
 */
export function streamAttributes(phase: Phase, priority: number, nowMs: number): SearchAttributeUpdatePair[] {
  switch (phase.name) {
    case 'queued':
      return [
        { key: KEY.state, value: 'queued' },
        { key: KEY.queuedAt, value: new Date(phase.sinceMs) },
        { key: KEY.priority, value: priority },
        { key: KEY.worker, value: null },
      ];
    case 'streaming':
      return [
        { key: KEY.state, value: 'streaming' },
        { key: KEY.worker, value: phase.lease.workerId },
        { key: KEY.leasedAt, value: new Date(nowMs) },
      ];
    case 'ended':
      return [{ key: KEY.state, value: phase.ending.state }];
    case 'idle':
    case 'closing':
      return [
        { key: KEY.state, value: phase.name },
        { key: KEY.worker, value: null },
      ];
    default:
      return phase satisfies never;
  }
}
