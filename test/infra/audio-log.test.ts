import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { AudioLog } from '../../infra/audio-log.ts';
import { openFolder } from '../../infra/objects/folder.ts';
import { MemoryObjects } from '../harness/memory-objects.ts';

const PREFIX = 's/audio/';
const key = (start: number): string => PREFIX + String(start).padStart(16, '0');
const whole = async (log: AudioLog, from = 0, to?: number): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(log.read(PREFIX, from, to)));

/** Bytes whose value tells their offset, so that a shifted or repeated one shows. */
const bytesAt = (start: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => ((start + index) * 31) % 251));

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });

async function written(stretches: readonly number[]): Promise<{ store: MemoryObjects; log: AudioLog; total: number }> {
  const store = new MemoryObjects();
  const log = new AudioLog(store);
  let total = 0;
  for (const length of stretches) {
    expect(await log.append(PREFIX, total, bytesAt(total, length))).toBe(true);
    total += length;
  }
  return { store, log, total };
}

test('reads back exactly the bytes from one offset up to another', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(900), fc.nat(900), async (stretches, from, to) => {
      const { log, total } = await written(stretches);
      expect(await log.extent(PREFIX)).toEqual({ durableBytes: total, sealed: false });
      expect((await whole(log, from)).equals(bytesAt(0, total).subarray(from))).toBe(true);
      expect((await whole(log, from, to)).equals(bytesAt(0, total).subarray(from, Math.max(from, to)))).toBe(true);
    }),
  );
});

test('what lies behind a gap is neither counted nor read', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(19), async (stretches, hole) => {
      const { store } = await written(stretches);
      const log = new AudioLog(store);
      const starts = [...store.objects.keys()].sort();
      const gone = starts[hole % starts.length] ?? '';
      store.objects.delete(gone);
      const durableBytes = Number(gone.slice(PREFIX.length));
      expect(await log.extent(PREFIX)).toEqual({ durableBytes, sealed: false });
      expect((await whole(log)).equals(bytesAt(0, durableBytes))).toBe(true);
    }),
  );
});

test('a longer stretch over a first one, with its successors there, partly there or gone, changes nothing', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(19), fc.nat(800), fc.array(fc.boolean()), async (stretches, at, more, gone) => {
      const { store, log, total } = await written(stretches);
      const start = stretches.slice(0, at % stretches.length).reduce((sum, length) => sum + length, 0);
      const end = Math.min(total, start + (stretches[at % stretches.length] ?? 0) + more);
      await store.put(key(start), bytesAt(start, end - start));
      const covered = [...store.objects].filter(([name, body]) => {
        const from = Number(name.slice(PREFIX.length));
        return from > start && from + body.byteLength <= end;
      });
      covered.forEach(([name], index) => gone[index] === true && store.objects.delete(name));
      await log.seal(PREFIX, total);
      expect(await log.extent(PREFIX)).toEqual({ durableBytes: total, sealed: true });
      expect((await whole(log)).equals(bytesAt(0, total))).toBe(true);
    }),
  );
});

test('of two writers that come and go in any order each byte has one owner, and an accepted one is never lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), lengths, lengths, async (scheduler, first, second) => {
      const store = new MemoryObjects();
      const create = store.create.bind(store);
      store.create = scheduler.scheduleFunction(create);
      const log = new AudioLog(store);
      const accepted: { start: number; mark: number; length: number }[] = [];
      const write = async (mark: number, stretches: readonly number[]): Promise<void> => {
        let { durableBytes: at } = await log.extent(PREFIX);
        for (const length of stretches) {
          if (await log.append(PREFIX, at, Buffer.alloc(length, mark))) {
            accepted.push({ start: at, mark, length });
            at += length;
          } else at = (await log.extent(PREFIX)).durableBytes;
        }
      };
      const writers = Promise.all([write(1, first), write(2, second)]);
      await scheduler.waitFor(writers);
      accepted.sort((a, b) => a.start - b.start);
      const expected = Buffer.concat(accepted.map(({ mark, length }) => Buffer.alloc(length, mark)));
      expect((await whole(log)).equals(expected)).toBe(true);
      expect((await log.extent(PREFIX)).durableBytes).toBe(expected.byteLength);
    }),
  );
});

test('after the seal no audio is taken, and where there is audio no seal', async () => {
  const { log, total } = await written([10, 20]);
  expect(await log.seal(PREFIX, 10)).toBe(false);
  expect(await log.seal(PREFIX, total)).toBe(true);
  expect(await log.seal(PREFIX, total)).toBe(true);
  expect(await log.append(PREFIX, total, Buffer.from('late'))).toBe(false);
  expect(await log.extent(PREFIX)).toEqual({ durableBytes: total, sealed: true });
});

test('a log without audio can be sealed, and reads as nothing', async () => {
  const log = new AudioLog(new MemoryObjects());
  expect(await log.extent(PREFIX)).toEqual({ durableBytes: 0, sealed: false });
  expect(await log.seal(PREFIX, 0)).toBe(true);
  expect(await log.extent(PREFIX)).toEqual({ durableBytes: 0, sealed: true });
  expect(await whole(log)).toHaveLength(0);
});

test('a reader gives what was appended while it read', async () => {
  const { log, total } = await written([10, 20]);
  const reader = log.read(PREFIX, 5);
  const got = [(await reader.next()).value as Uint8Array];
  await log.append(PREFIX, total, bytesAt(total, 8));
  got.push(...(await Array.fromAsync(reader)));
  expect(Buffer.concat(got).equals(bytesAt(0, total + 8).subarray(5))).toBe(true);
});

test('a reader whose next stretch is compacted away under it goes on without a gap', async () => {
  const { store, log, total } = await written([10, 20, 30]);
  const reader = log.read(PREFIX, 0);
  const got = [(await reader.next()).value as Uint8Array];
  await store.put(key(0), bytesAt(0, total));
  store.objects.delete(key(10));
  store.objects.delete(key(30));
  got.push(...(await Array.fromAsync(reader)));
  expect(Buffer.concat(got).equals(bytesAt(0, total))).toBe(true);
});

test('refuses an empty stretch and an offset that is none', async () => {
  const { log } = await written([10]);
  await expect(log.append(PREFIX, 10, new Uint8Array())).rejects.toThrow('use seal');
  await expect(log.append(PREFIX, -1, bytesAt(0, 1))).rejects.toThrow('byte offset -1');
  await expect(log.seal(PREFIX, 1.5)).rejects.toThrow('byte offset 1.5');
});

test('stands on a folder of objects', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longhand-log-'));
  const log = new AudioLog(await openFolder(folder));
  await log.append(PREFIX, 0, bytesAt(0, 7));
  await log.append(PREFIX, 7, bytesAt(7, 9));
  expect(await log.append(PREFIX, 7, bytesAt(7, 9))).toBe(false);
  await log.seal(PREFIX, 16);
  expect((await whole(log, 3)).equals(bytesAt(0, 16).subarray(3))).toBe(true);
  expect(await log.extent(PREFIX)).toEqual({ durableBytes: 16, sealed: true });
  await rm(folder, { recursive: true });
});
