/** A file from an address: stored whole or not at all, and what cannot be had is told as it is. */
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createFetching } from '../../activities/fetch.ts';
import type { FetchPorts } from '../../activities/fetch.ts';
import { objectKeys } from '../../workflows/contract.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const ref = { tenant: 't', id: 's' };
const KEY = objectKeys.upload('t', 'u');
const MAX_BYTES = 100;

let objects: MemoryObjects;
let closed: number;
beforeEach(() => {
  objects = new MemoryObjects();
  closed = 0;
});

async function* pieces(...sizes: (number | Error)[]): AsyncGenerator<Uint8Array> {
  for (const size of sizes) {
    await Promise.resolve();
    if (size instanceof Error) throw size;
    yield new Uint8Array(size);
  }
}

const found =
  (sizes: readonly (number | Error)[], status = 200, bytes: number | null = null): FetchPorts['http']['open'] =>
  () =>
    Promise.resolve({ status, bytes, body: pieces(...sizes), close: () => (closed += 1) });

function fetchWith(open: FetchPorts['http']['open'], attempt = 1, uploads: FetchPorts['uploads'] = objects) {
  const ports = { http: { open }, uploads, maxBytes: MAX_BYTES, limitMs: 1000, attempts: 3 };
  const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR') });
  return environment.run(createFetching(ports).fetchUpload, { ref, uploadId: 'u', url: 'https://media.example/x' });
}

const broken = Object.assign(new Error('read ECONNRESET 10.0.0.7'), { code: 'ECONNRESET' });

test('what is there is stored as the upload, up to the last byte that is allowed', async () => {
  expect(await fetchWith(found([60, 40], 200, 100))).toEqual({ ok: true });
  expect(objects.objects.get(KEY)?.byteLength).toBe(100);
  expect(closed).toBe(1);
});

test.each([
  ['is too large by its own word', found([1], 200, 101), 'upload_too_large'],
  ['is too large against its word', found([60, 41], 200, 5), 'upload_too_large'],
  ['is empty', found([]), 'empty_audio'],
  ['is not there', found([9], 404), 'fetch_failed'],
  ['is forbidden', found([9], 403), 'fetch_failed'],
  ['is only a part', found([9], 206), 'fetch_failed'],
  ['leads on without saying where', found([9], 302), 'fetch_failed'],
])('what %s is refused at once, and its connection let go of', async (_what, open, reason) => {
  expect(await fetchWith(open)).toMatchObject({ ok: false, reason });
  expect(closed).toBe(1);
});

test('an address that may not be spoken to is refused at once', async () => {
  const open = () => Promise.reject(Object.assign(new Error('leads inside'), { reason: 'forbidden_address' }));
  expect(await fetchWith(open)).toEqual({
    ok: false,
    reason: 'forbidden_address',
    detail: 'url: the address leads inside',
  });
});

test.each([
  ['answers 500', found([], 500)],
  ['answers 503', found([], 503)],
  ['answers 429', found([], 429)],
  ['is not reached', () => Promise.reject(broken)],
  ['breaks off', found([20, broken])],
])(
  'a server that %s is asked again, and given up at the last attempt, without a word of its network',
  async (_what, open) => {
    await expect(fetchWith(open, 2)).rejects.toMatchObject({ type: 'SourceFailed', nonRetryable: false });
    expect(objects.objects.size).toBe(0);
    const last = await fetchWith(open, 3);
    expect(last).toMatchObject({ ok: false, reason: 'fetch_failed' });
    expect(JSON.stringify(last)).not.toContain('10.0.0.7');
  },
);

test('storage that fails is no fault of the source: it is tried again, however often it was', async () => {
  const full = { putStream: () => Promise.reject(Object.assign(new Error('full'), { reason: 'storage_full' })) };
  await expect(fetchWith(found([9]), 50, full)).rejects.toThrow('full');
});

test('a file that takes too long is cut off and counts as a failure of the source', async () => {
  const open: FetchPorts['http']['open'] = (_url, signal) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error));
    });
  expect(await fetchWith(open, 3)).toMatchObject({ ok: false, reason: 'fetch_failed' });
});
