import type { Client } from '@temporalio/client';
import { Visibility } from '../../../gateway/temporal/visibility.ts';

/** A list of so many workflows, as Temporal gives it page by page. */
function listOf(count: number) {
  const asked: number[] = [];
  const listWorkflowExecutions = (request: { pageSize: number; nextPageToken: Uint8Array }) => {
    asked.push(request.pageSize);
    const from = Number(Buffer.from(request.nextPageToken).toString() || '0');
    const to = Math.min(from + request.pageSize, count);
    const executions = Array.from({ length: to - from }, (_, i) => ({ execution: { workflowId: `w${from + i}` } }));
    return Promise.resolve({ executions, nextPageToken: Buffer.from(to < count ? String(to) : '') });
  };
  const client = { options: { namespace: 'default' }, workflowService: { listWorkflowExecutions } };
  return { asked, visibility: new Visibility(client as unknown as Client) };
}

test.each([
  [0, 500, [500]],
  [999, 2500, [1000]],
  [2400, 2500, [1000, 1000, 500]],
  [9000, 2500, [1000, 1000, 500]],
])('of %d sessions that wait the first %d are listed, in pages of at most a thousand', async (count, atMost, pages) => {
  const { asked, visibility } = listOf(count);
  const ids = await visibility.waitingSessions('en', atMost);
  expect(ids).toEqual(Array.from({ length: Math.min(count, atMost) }, (_, i) => `w${i}`));
  expect(asked).toEqual(pages);
});
