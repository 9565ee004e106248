/** What tests of the file's workflow have in common: inputs, plans, and streams that commit one segment. */
import type { WorkflowHandle } from '@temporalio/client';
import type { FileInput, FilePlan, FileResult, LiveInput } from '../../workflows/contract.ts';
import { live, segment } from '../workflows/session/given.ts';
import type { Cast, Stage } from './workflow-stage.ts';

export const done = { why: 'end', detail: null } as const;
/** One second of audio. */
export const SECOND = 32_000;

type Changes = Partial<Omit<FileInput, 'bounds'>> & { readonly bounds?: Partial<LiveInput['bounds']> };
export function fileInput(cast: Cast, { bounds, ...changes }: Changes = {}): FileInput {
  const { audio, kind, ...spec } = live;
  expect([audio.channels, kind]).toEqual([1, 'live']);
  return {
    ...spec,
    ref: { tenant: 't', id: cast.id },
    kind: 'file',
    fileName: 'talk.wav',
    uploadId: 'u',
    uploadBytes: 9,
    ...changes,
    bounds: { ...live.bounds, ...bounds },
  };
}

/** Spans of a second each, in so many channels. */
export const planOf = (spans: number, channels = 1): FilePlan => ({
  cuts: Array.from({ length: channels }, () => Array.from({ length: spans + 1 }, (_, i) => i * SECOND)),
});

export const resultOf = (handle: WorkflowHandle): Promise<FileResult> => handle.result() as Promise<FileResult>;
/** Commits one segment for the span, and is done. */
export const commitOne =
  (here: Stage): Cast['stream'] =>
  async ({ workflowId, lease, fromByte, toByte }) => {
    const segments = [segment(0, `from ${fromByte}`)];
    await here.commit(workflowId, { epoch: lease.epoch, segments, throughByte: toByte ?? 0 });
    return done;
  };
