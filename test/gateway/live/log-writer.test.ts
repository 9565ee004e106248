import { AudioBuffer } from '../../../gateway/audio/buffer.ts';
import { LogWriter } from '../../../gateway/live/log-writer.ts';
import type { LogWriterEvents } from '../../../gateway/live/log-writer.ts';
import type { AudioLogPort } from '../../../gateway/ports.ts';
import { AudioLog } from '../../../infra/audio-log.ts';
import { MemoryObjects } from '../../harness/memory-objects.ts';
import { silentLog, turns } from '../../harness/quiet.ts';

const PREFIX = 'sessions/t/s/audio/';

/** An audio log in memory whose appends wait at a gate, and can be made to fail. */
class GatedLog implements AudioLogPort {
  readonly #log = new AudioLog(new MemoryObjects());
  readonly appends: { readonly start: number; readonly bytes: number }[] = [];
  failures = 0;
  gate: Promise<unknown> = Promise.resolve();

  async append(prefix: string, start: number, bytes: Uint8Array): Promise<boolean> {
    this.appends.push({ start, bytes: bytes.length });
    await this.gate;
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the disk is away');
    }
    return this.#log.append(prefix, start, bytes);
  }

  extent(prefix: string) {
    return this.#log.extent(prefix);
  }

  seal(prefix: string, endByte: number) {
    return this.#log.seal(prefix, endByte);
  }

  read(prefix: string, from: number, to?: number) {
    return this.#log.read(prefix, from, to);
  }

  /** Closes the gate; the function given back opens it. */
  shut(): () => void {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.gate = promise;
    return () => resolve(undefined);
  }
}

interface Setup {
  readonly log: GatedLog;
  readonly buffer: AudioBuffer;
  readonly writer: LogWriter;
  readonly durable: number[];
  readonly supersessions: string[];
}

const writers: LogWriter[] = [];
afterEach(() => {
  for (const writer of writers.splice(0)) writer.stop();
});

function setup(events: Partial<LogWriterEvents> = {}, intervalMs = 1): Setup {
  const log = new GatedLog();
  const buffer = new AudioBuffer(0);
  const durable: number[] = [];
  const supersessions: string[] = [];
  const all: LogWriterEvents = {
    durable: (bytes) => durable.push(bytes),
    isCurrent: () => Promise.resolve(true),
    superseded: () => supersessions.push('superseded'),
    ...events,
  };
  const writer = new LogWriter(log, PREFIX, buffer, intervalMs, all, silentLog);
  writers.push(writer);
  return { log, buffer, writer, durable, supersessions };
}

const stored = async (log: AudioLogPort) => Buffer.concat(await Array.fromAsync(log.read(PREFIX, 0)));

test('acknowledges only what storage has answered for', async () => {
  const { log, buffer, writer, durable } = setup();
  const open = log.shut();
  buffer.append(Buffer.from('abcd'));
  const flushed = writer.flush();
  await turns();
  expect(log.appends).toHaveLength(1);
  expect(durable).toEqual([]);
  expect(writer.durable).toBe(0);
  open();
  await flushed;
  expect(durable).toEqual([4]);
});

test('stores one stretch at a time, and what came meanwhile as the next', async () => {
  const { log, buffer, writer, durable } = setup();
  const open = log.shut();
  buffer.append(Buffer.from('ab'));
  const first = writer.flush();
  buffer.append(Buffer.from('cdef'));
  const second = writer.flush();
  await turns();
  expect(log.appends).toEqual([{ start: 0, bytes: 2 }]);
  open();
  await Promise.all([first, second]);
  expect(log.appends).toEqual([
    { start: 0, bytes: 2 },
    { start: 2, bytes: 4 },
  ]);
  expect(durable).toEqual([2, 6]);
  expect(String(await stored(log))).toBe('abcdef');
});

test('a notice stores within the interval, once for all that came', async () => {
  const stretch = Promise.withResolvers<number>();
  const { log, buffer, writer } = setup({ durable: stretch.resolve }, 5);
  for (const piece of ['a', 'b', 'c']) {
    buffer.append(Buffer.from(piece));
    writer.notify();
  }
  expect(await stretch.promise).toBe(3);
  expect(log.appends).toEqual([{ start: 0, bytes: 3 }]);
});

test('tries again when storage fails, and says nothing until it has worked', async () => {
  const { log, buffer, writer, durable } = setup();
  log.failures = 2;
  buffer.append(Buffer.from('abcd'));
  await writer.flush();
  expect(log.appends).toHaveLength(3);
  expect(durable).toEqual([4]);
});

test('cuts a long backlog into stretches of a mebibyte', async () => {
  const { log, buffer, writer, durable } = setup();
  buffer.append(Buffer.alloc(2_500_000, 7));
  await writer.flush();
  expect(log.appends.map(({ bytes }) => bytes)).toEqual([1 << 20, 1 << 20, 2_500_000 - (2 << 20)]);
  expect(durable.at(-1)).toBe(2_500_000);
});

describe('another writer has taken the next byte', () => {
  test('the newer of the two goes on behind what is stored', async () => {
    const { log, buffer, writer, durable, supersessions } = setup();
    await log.append(PREFIX, 0, Buffer.from('abc'));
    buffer.append(Buffer.from('abcdef'));
    await writer.flush();
    expect(String(await stored(log))).toBe('abcdef');
    expect(durable).toEqual([3, 6]);
    expect(supersessions).toEqual([]);
  });

  test('acknowledges no more than its own client has sent', async () => {
    const { log, buffer, writer, durable } = setup();
    await log.append(PREFIX, 0, Buffer.from('abcdef'));
    buffer.append(Buffer.from('abc'));
    await writer.flush();
    expect(durable).toEqual([3]);
  });

  test('the older of the two stops, and says so once', async () => {
    const { log, buffer, writer, durable, supersessions } = setup({ isCurrent: () => Promise.resolve(false) });
    await log.append(PREFIX, 0, Buffer.from('xyz'));
    buffer.append(Buffer.from('abcdef'));
    await Promise.all([writer.flush(), writer.flush()]);
    buffer.append(Buffer.from('gh'));
    writer.notify();
    await writer.flush();
    expect(supersessions).toEqual(['superseded']);
    expect(durable).toEqual([]);
    expect(String(await stored(log))).toBe('xyz');
  });

  test('and has sealed the log: nothing can follow, and it is not tried for ever', async () => {
    const { log, buffer, writer, durable, supersessions } = setup();
    await log.seal(PREFIX, 0);
    buffer.append(Buffer.from('abcd'));
    await writer.flush();
    expect(log.appends).toHaveLength(1);
    expect(durable).toEqual([]);
    expect(supersessions).toEqual(['superseded']);
  });
});

test('stopped while storage is away, a flush resolves: nobody is left with a rejection', async () => {
  const { log, buffer, writer, durable } = setup();
  log.failures = Infinity;
  buffer.append(Buffer.from('abcd'));
  const flushed = writer.flush();
  await turns();
  writer.stop();
  await expect(flushed).resolves.toBeUndefined();
  expect(durable).toEqual([]);
});
