/** What has been kept for long enough is scheduled or removed; what someone needs is not. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createRetention } from '../../activities/retention.ts';
import type { RetentionPorts } from '../../activities/retention.ts';
import { newUploadId } from '../../gateway/uploads/upload-id.ts';
import { objectKeys } from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const HOUR = 3_600_000;

function setUp(changes: Partial<RetentionPorts> = {}) {
  const objects = new MemoryObjects();
  const scheduled: { id: string; dueMs: number }[] = [];
  const aborted: string[] = [];
  const inUse = new Set<string>();
  const ended = [
    { ref: { tenant: 'short', id: 'a' }, closedMs: NOW - HOUR },
    { ref: { tenant: 'ever', id: 'b' }, closedMs: NOW - 2 * HOUR },
  ];
  const activities = createRetention({
    retentionOf: (tenant) => (tenant === 'short' ? 2 * HOUR : 0),
    isLimited: true,
    uploadTtlMs: 24 * HOUR,
    everyMs: 5000,
    nowMs: () => NOW,
    ended: {
      since: async function* (ms) {
        await Promise.resolve();
        yield* ended.filter(({ closedMs }) => closedMs > ms);
      },
      eraseAt: (ref, _closedMs, dueMs) => Promise.resolve(void scheduled.push({ id: ref.id, dueMs })),
    },
    uploads: {
      list: (prefix) => objects.list(prefix),
      get: (key) => objects.get(key),
      deleteAll: (prefix) => objects.deleteAll(prefix),
      isInUse: (_tenant, uploadId, session) =>
        Promise.resolve(inUse.has(uploadId) || (session !== null && inUse.has(session))),
      abort: (_key, multipartId) => Promise.resolve(void aborted.push(multipartId)),
    },
    ...changes,
  });
  const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });
  const sweep = (sinceMs = 0) => environment.run((args: { sinceMs: number }) => activities.sweep(args), { sinceMs });
  const upload = async (ageMs: number, name = 'parts/0000000000000000', body = 'x'): Promise<string> => {
    const id = newUploadId(NOW - ageMs);
    await objects.put(`${objectKeys.uploads('t', id)}${name}`, Buffer.from(body));
    return id;
  };
  const left = (): string[] => [...new Set([...objects.objects.keys()].map((key) => key.split('/')[2] ?? ''))];
  return { objects, scheduled, aborted, inUse, sweep, upload, left };
}

test('an ended session is deleted when its tenant’s retention is over, and one that is kept for ever is not', async () => {
  const { scheduled, sweep } = setUp();
  expect(await sweep()).toEqual({ throughMs: NOW, againInMs: 5000 });
  expect(scheduled).toEqual([{ id: 'a', dueMs: NOW + HOUR }]);
});

test('what ended before the last look is not looked at again, its last minute excepted', async () => {
  const { scheduled, sweep } = setUp();
  await sweep(NOW - HOUR + 120_000);
  expect(scheduled).toEqual([]);
  await sweep(NOW - HOUR + 30_000);
  expect(scheduled).toHaveLength(1);
});

test('without any retention no list is asked for, and once there is one everything that ended is looked at', async () => {
  const { scheduled, sweep } = setUp({ isLimited: false });
  expect(await sweep(7)).toMatchObject({ throughMs: 7 });
  expect(scheduled).toEqual([]);
});

test('an upload that nobody came for in its time is removed, and its parts in the store are let go of', async () => {
  const { aborted, sweep, upload, left } = setUp();
  const young = await upload(23 * HOUR);
  await upload(25 * HOUR);
  await upload(25 * HOUR, 'file');
  await upload(25 * HOUR, 'info.json', JSON.stringify({ bytes: 1, fileName: 'a', presigned: { multipartId: 'm1' } }));
  await sweep();
  expect(left()).toEqual([young]);
  expect(aborted).toEqual(['m1']);
});

test('an upload that a session needs stays, however old it is', async () => {
  const { inUse, objects, sweep, upload, left } = setUp();
  const byFile = await upload(100 * HOUR, 'file');
  inUse.add(byFile);
  const claimed = await upload(100 * HOUR);
  await objects.put(objectKeys.uploadClaim('t', claimed), Buffer.from('its-session'));
  inUse.add('its-session');
  await sweep();
  expect(left().sort()).toEqual([byFile, claimed].sort());
});

test('an upload whose id tells no time is left alone', async () => {
  const { objects, sweep, left } = setUp();
  await objects.put('uploads/t/0c0f6f4e-1c6b-4d9a-9c55-2a1f7a3b9a10/file', Buffer.from('x'));
  await sweep();
  expect(left()).toHaveLength(1);
});
