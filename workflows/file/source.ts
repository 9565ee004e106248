/** A file that was named by its address is fetched into storage before anything else; then it is an upload like any other. */
import { proxyActivities } from '@temporalio/workflow';
import { FETCH_QUEUE } from '../contract.ts';
import type { ControlActivities, FetchAnswer, FileInput } from '../contract.ts';

/** Its own limits end the activity before (LONGHAND_FETCH_LIMIT_MS): a source that fails is told as an answer. */
const fetching = proxyActivities<Pick<ControlActivities, 'fetchUpload'>>({
  taskQueue: FETCH_QUEUE,
  startToCloseTimeout: '25h',
  heartbeatTimeout: '10s',
  retry: { initialInterval: '2s', backoffCoefficient: 3, maximumInterval: '1m' },
});

export async function fetchSource({ ref, uploadId, sourceUrl }: FileInput): Promise<FetchAnswer> {
  return sourceUrl === undefined ? { ok: true } : await fetching.fetchUpload({ ref, uploadId, url: sourceUrl });
}
