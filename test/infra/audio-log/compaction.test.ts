/** Audio logs are joined into long stretches while they are written and read, whatever breaks off in between. */
import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { AudioLog } from '../../../infra/audio-log.ts';
import type { AudioLogOptions, Instant } from '../../../infra/audio-log.ts';
import { Compaction } from '../../../infra/audio-log/compaction.ts';
import { dropJoined, joinBlocks } from '../../../infra/audio-log/join.ts';
import type { LogFormat } from '../../../infra/audio-log/stretches.ts';
import { MemoryObjects } from '../../harness/memory-objects.ts';

const PREFIX = 's/audio/';
const FORMAT: LogFormat = { appendBytes: 8, blockBytes: 32 };
const SETTLE_MS = 1000;

const key = (start: number): string => PREFIX + String(start).padStart(16, '0');
const bytesAt = (start: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, index) => ((start + index) * 31) % 251));
const whole = async (log: AudioLog, from = 0, to?: number): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(log.read(PREFIX, from, to)));

/** A clock that stands still unless it is moved. */
class Clock {
  ms = 0;
  readonly now = (): Instant => ({ monotonicMs: this.ms, wallMs: this.ms });
}

function logOn(store: MemoryObjects, clock = new Clock(), more: Partial<AudioLogOptions> = {}): AudioLog {
  return new AudioLog(store, { format: FORMAT, settleMs: SETTLE_MS, clock: clock.now, ...more });
}

const lengths = fc.array(fc.integer({ min: 1, max: FORMAT.appendBytes }), { minLength: 1, maxLength: 60 });

async function written(stretches: readonly number[], store = new MemoryObjects()): Promise<number> {
  const log = logOn(store);
  let total = 0;
  for (const length of stretches) {
    expect(await log.append(PREFIX, total, bytesAt(total, length))).toBe(true);
    total += length;
  }
  return total;
}

/** As many blocks as a process may take as complete that knows how far the log reaches. */
const blocksOf = (total: number): number => Math.max(0, Math.floor((total - FORMAT.appendBytes) / FORMAT.blockBytes));
const all = (total: number) => ({ prefix: PREFIX, fromBlock: 0, toBlock: blocksOf(total) });

async function compacted(store: MemoryObjects, total: number): Promise<void> {
  await joinBlocks(store, all(total), FORMAT);
  await dropJoined(store, all(total), FORMAT);
}

async function expectIntact(store: MemoryObjects, total: number, sealed = false): Promise<void> {
  const log = logOn(store);
  expect(await log.extent(PREFIX)).toEqual({ durableBytes: total, sealed });
  expect((await whole(log)).equals(bytesAt(0, total))).toBe(true);
  for (const from of [1, 9, 31, 32, 33, 40, total - 1].filter((byte) => byte < total)) {
    expect((await whole(logOn(store), from)).equals(bytesAt(0, total).subarray(from))).toBe(true);
  }
}

test('joining changes no byte, leaves one stretch a block and a tail as it was, and the log goes on', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, fc.boolean(), async (stretches, sealed) => {
      const store = new MemoryObjects();
      const total = await written(stretches, store);
      if (sealed) await logOn(store).seal(PREFIX, total);
      await compacted(store, total);
      await expectIntact(store, total, sealed);
      const starts = [...store.objects.keys()].map((name) => Number(name.slice(PREFIX.length)));
      const joined = starts.filter((start) => start < blocksOf(total) * FORMAT.blockBytes);
      expect(joined).toHaveLength(blocksOf(total));
      if (sealed) return;
      expect(await logOn(store).append(PREFIX, total, bytesAt(total, 5))).toBe(true);
      await expectIntact(store, total + 5);
    }),
  );
});

/** A store that breaks for good after so many changes; of the keys of one deletion only some may be gone by then. */
class Mortal extends MemoryObjects {
  changesLeft = Infinity;

  override async put(name: string, body: Uint8Array): Promise<void> {
    this.#change();
    await super.put(name, body);
  }

  override async deleteEach(keys: readonly string[]): Promise<void> {
    for (const name of keys) {
      this.#change();
      await super.deleteEach([name]);
    }
  }

  #change(): void {
    if (this.changesLeft === 0) throw new Error('killed');
    this.changesLeft -= 1;
  }
}

test('broken off after any step the log is whole, goes on, and the next one finishes the work', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, async (stretches) => {
      const undisturbed = new MemoryObjects();
      const total = await written(stretches, undisturbed);
      await compacted(undisturbed, total);
      for (let steps = 0; ; steps += 1) {
        const store = new Mortal();
        await written(stretches, store);
        store.changesLeft = steps;
        const broken = await compacted(store, total).then(
          () => false,
          () => true,
        );
        store.changesLeft = Infinity;
        await expectIntact(store, total);
        await compacted(store, total);
        expect([...store.objects.keys()].sort()).toEqual([...undisturbed.objects.keys()].sort());
        await expectIntact(store, total);
        if (!broken) return;
      }
    }),
    { numRuns: 20 },
  );
});

test('a writer that comes back at an offset which was taken and deleted is told so, and leaves nothing', async () => {
  const store = new MemoryObjects();
  const clock = new Clock();
  const late = logOn(store, clock);
  await written([8, 8], store);
  expect((await late.extent(PREFIX)).durableBytes).toBe(16);
  const ahead = logOn(store, clock);
  let total = (await ahead.extent(PREFIX)).durableBytes;
  for (; total < 80; total += 8) expect(await ahead.append(PREFIX, total, bytesAt(total, 8))).toBe(true);
  clock.ms += 10 * SETTLE_MS;
  await compacted(store, total);
  expect(store.objects.has(key(16))).toBe(false);
  expect(await late.append(PREFIX, 16, Buffer.alloc(8, 255))).toBe(false);
  expect(await late.seal(PREFIX, 16)).toBe(false);
  expect((await late.extent(PREFIX)).durableBytes).toBe(total);
  await expectIntact(store, total);
});

test('a writer that is held up between looking and storing is told all the same, and what it stored is gone', async () => {
  const store = new MemoryObjects();
  const clock = new Clock();
  const late = logOn(store, clock);
  await written([8, 8], store);
  await late.extent(PREFIX);
  const create = store.create.bind(store);
  store.create = async (name, body) => {
    store.create = create;
    const ahead = logOn(store, clock);
    let total = (await ahead.extent(PREFIX)).durableBytes;
    for (; total < 80; total += 8) await ahead.append(PREFIX, total, bytesAt(total, 8));
    clock.ms += 10 * SETTLE_MS;
    await compacted(store, total);
    return create(name, body);
  };
  expect(await late.append(PREFIX, 16, Buffer.alloc(8, 255))).toBe(false);
  expect(store.objects.has(key(16))).toBe(false);
  await expectIntact(store, 80);
});

test('what a late writer could not take back is not read, also where it would reach beyond the block', async () => {
  const store = new MemoryObjects();
  const total = await written(
    Array.from({ length: 12 }, () => 7),
    store,
  );
  await compacted(store, total);
  for (const start of [14, 28, 34]) await store.create(key(start), Buffer.alloc(8, 255));
  await expectIntact(store, total);
  await compacted(store, total);
  await expectIntact(store, total);
  expect(store.objects.has(key(14))).toBe(false);
});

test('a writer alone, who was silent for hours, goes on where it stood', async () => {
  const store = new MemoryObjects();
  const clock = new Clock();
  const log = logOn(store, clock);
  for (let at = 0; at < 80; at += 8) await log.append(PREFIX, at, bytesAt(at, 8));
  clock.ms += 10 * SETTLE_MS;
  await compacted(store, 80);
  expect(await log.append(PREFIX, 80, bytesAt(80, 8))).toBe(true);
  clock.ms += 10 * SETTLE_MS;
  expect(await log.seal(PREFIX, 88)).toBe(true);
  await expectIntact(store, 88, true);
});

/**
 * A writer, another one that sleeps again and again before it looks or between looking and storing, two processes that
 * join, and readers, all at once, in an order that fast-check chooses; with each step of the store the clock goes on.
 */
test('whatever the order: accepted bytes have one owner, are never lost, and no reader sees others', async () => {
  const words = (count: number) =>
    fc.array(fc.integer({ min: 1, max: FORMAT.appendBytes }), { minLength: count, maxLength: count });
  const numbers = fc.infiniteStream(fc.nat(1000));
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), words(40), words(12), numbers, async (scheduler, first, second, random) => {
      const chance = (): number => Number(random.next().value) / 1000;
      const clock = new Clock();
      let writing = 2;
      const until = async (ms: number): Promise<void> => {
        while (writing === 2 && clock.ms < ms) await scheduler.schedule(Promise.resolve());
      };
      const store = new MemoryObjects();
      for (const name of ['create', 'put', 'get', 'deleteEach'] as const) {
        const real = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
        const scheduled = scheduler.scheduleFunction(real);
        Object.assign(store, {
          [name]: (...args: unknown[]) => {
            clock.ms += (chance() * SETTLE_MS) / 8;
            return scheduled(...args);
          },
        });
      }
      const sleep = (): Promise<void> => until(chance() < 0.5 ? 0 : clock.ms + chance() * 8 * SETTLE_MS);
      const drowsy = Object.create(store, {
        create: { value: (name: string, body: Uint8Array) => sleep().then(() => store.create(name, body)) },
      }) as MemoryObjects;

      const accepted = new Map<number, Buffer>();
      let mark = 0;
      const write = async (log: AudioLog, stretches: readonly number[], rest: () => Promise<void>): Promise<void> => {
        let { durableBytes: at } = await log.extent(PREFIX);
        for (const length of stretches) {
          mark += 1;
          const body = Buffer.alloc(length, mark);
          await rest();
          if (await log.append(PREFIX, at, body)) {
            expect(accepted.has(at)).toBe(false);
            accepted.set(at, body);
            at += length;
          } else at = (await log.extent(PREFIX)).durableBytes;
        }
      };
      const join = async (): Promise<void> => {
        const log = logOn(store, clock);
        while (writing === 2) {
          const { durableBytes } = await log.extent(PREFIX);
          await until(clock.ms + SETTLE_MS);
          await joinBlocks(store, all(durableBytes), FORMAT).catch(() => undefined);
          await until(clock.ms + SETTLE_MS);
          await dropJoined(store, all(durableBytes), FORMAT);
        }
      };
      const reads: Buffer[] = [];
      const read = async (): Promise<void> => {
        while (writing === 2) reads.push(await whole(logOn(store, clock)));
      };
      const done = (): void => void (writing -= 1);
      await scheduler.waitFor(
        Promise.all([
          write(logOn(store, clock), first, () => Promise.resolve()).finally(done),
          write(logOn(drowsy, clock), second, sleep).finally(done),
          join(),
          join(),
          read(),
        ]),
      );

      const after = new MemoryObjects();
      for (const [name, body] of store.objects) after.objects.set(name, body);
      const log = await whole(logOn(after));
      for (const [start, body] of accepted) expect(log.subarray(start, start + body.length).equals(body)).toBe(true);
      for (const got of reads) expect(log.subarray(0, got.length).equals(got)).toBe(true);
      for (let pass = 0; pass < 2; pass += 1) {
        expect(await logOn(after).extent(PREFIX)).toEqual({ durableBytes: log.length, sealed: false });
        expect((await whole(logOn(after))).equals(log)).toBe(true);
        await compacted(after, log.length);
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 60_000);

test('a listing that a compaction tears in two is looked at again: no acknowledged byte seems to be missing', async () => {
  const store = new MemoryObjects();
  const total = await written(
    Array.from({ length: 20 }, () => 8),
    store,
  );
  const list = store.list.bind(store);
  const tear = (): void => {
    store.list = async function* (prefix, after) {
      store.list = list;
      for await (const object of list(prefix, after)) {
        yield object;
        if (object.key === key(8)) await compacted(store, total);
      }
    };
  };
  tear();
  expect((await logOn(store).extent(PREFIX)).durableBytes).toBe(total);
  const fresh = new MemoryObjects();
  await written(
    Array.from({ length: 20 }, () => 8),
    fresh,
  );
  store.objects.clear();
  for (const [name, body] of fresh.objects) store.objects.set(name, body);
  tear();
  expect((await whole(logOn(store))).equals(bytesAt(0, total))).toBe(true);
});

test('who knows how far a log reached asks only for what comes after', async () => {
  const store = new MemoryObjects();
  const log = logOn(store);
  let total = 0;
  for (; total < 800; total += 8) await log.append(PREFIX, total, bytesAt(total, 8));
  const after: (string | undefined)[] = [];
  const list = store.list.bind(store);
  store.list = (prefix, from) => {
    after.push(from);
    return list(prefix, from);
  };
  expect((await log.extent(PREFIX)).durableBytes).toBe(total);
  await whole(log, 790);
  expect(after.map((name) => Number(name?.slice(PREFIX.length)))).toEqual([751, 741, 751]);
});

test('what this process has seen long enough ago is joined, and only that', async () => {
  const store = new MemoryObjects();
  const compaction = new Compaction(store, { settleMs: 150, format: FORMAT, failed: fail });
  const log = logOn(store, new Clock(), { seen: (prefix, bytes) => compaction.seen(prefix, bytes) });
  for (let at = 0; at < 80; at += 8) await log.append(PREFIX, at, bytesAt(at, 8));
  const begunMs = performance.now();
  expect(store.objects.size).toBe(10);
  await until(() => store.objects.size < 10);
  expect(performance.now() - begunMs).toBeGreaterThan(280);
  await until(() => store.objects.size === 4);
  await expectIntact(store, 80);
  for (let at = 80; at < 160; at += 8) await log.append(PREFIX, at, bytesAt(at, 8));
  await until(() => store.objects.size === 8);
  await expectIntact(store, 160);
  compaction.close();
});

test('a store that fails is tried again, and a closed compaction does nothing', async () => {
  const store = new Mortal();
  store.changesLeft = 0;
  const faults: unknown[] = [];
  const options = { settleMs: 30, format: FORMAT, failed: (error: unknown) => void faults.push(error) };
  const compaction = new Compaction(store, options);
  const log = logOn(store, new Clock(), { seen: (prefix, bytes) => compaction.seen(prefix, bytes) });
  for (let at = 0; at < 80; at += 8) await log.append(PREFIX, at, bytesAt(at, 8));
  await until(() => faults.length >= 2);
  store.changesLeft = Infinity;
  await until(() => store.objects.size === 4);
  compaction.close();
  for (let at = 80; at < 160; at += 8) await log.append(PREFIX, at, bytesAt(at, 8));
  await pause(100);
  expect(store.objects.size).toBe(14);
});

const fail = (error: unknown): never => {
  throw error;
};

async function until(holds: () => boolean): Promise<void> {
  const limitMs = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > limitMs) throw new Error('waited in vain');
    await pause(5);
  }
}
