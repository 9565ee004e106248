import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../../infra/objects/port.ts';

const text = (content: string): Buffer => Buffer.from(content);
const keysBelow = async (store: ObjectStore, prefix: string): Promise<string[]> =>
  (await Array.fromAsync(store.list(prefix))).map(({ key }) => key);

async function* chunks(...parts: Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const part of parts) {
    await Promise.resolve();
    yield part;
  }
}

/** The body of a stream, whole. */
async function whole(stream: AsyncIterable<Uint8Array> | null): Promise<Buffer | null> {
  return stream === null ? null : Buffer.concat(await Array.fromAsync(stream));
}

/** What every object store promises (infra/objects/port.ts); `open` gives an empty one. */
export function objectStoreContract(open: () => ObjectStore): void {
  let store: ObjectStore;
  beforeEach(() => {
    store = open();
  });

  test('gives back what was put, and null where nothing is', async () => {
    const body = randomBytes(100_000);
    await store.put('c/get/a', body);
    expect(Buffer.compare((await store.get('c/get/a')) ?? text(''), body)).toBe(0);
    expect(await whole(await store.getStream('c/get/a'))).toEqual(body);
    for (const missing of ['c/get/b', 'c/get', 'c/get/a/b']) {
      expect(await store.get(missing)).toBeNull();
      expect(await store.getStream(missing)).toBeNull();
    }
  });

  test('put replaces, an empty object is an object', async () => {
    await store.put('c/replace', text('first'));
    await store.put('c/replace', text(''));
    expect(await store.get('c/replace')).toHaveLength(0);
    expect(await whole(await store.getStream('c/replace'))).toHaveLength(0);
    expect(await Array.fromAsync(store.list('c/replace'))).toEqual([{ key: 'c/replace', bytes: 0 }]);
  });

  test('create never replaces', async () => {
    expect(await store.create('c/once', text('first'))).toBe(true);
    expect(await store.create('c/once', text('second'))).toBe(false);
    expect(await store.create('c/once', text('first'))).toBe(false);
    expect(await store.get('c/once')).toEqual(new Uint8Array(text('first')));
  });

  test('of many that create the same key one succeeds, and its bytes are there', async () => {
    for (let round = 0; round < 3; round += 1) {
      const bodies = Array.from({ length: 8 }, (_, index) => text(`round ${round} writer ${index}`));
      const created = await Promise.all(bodies.map((body) => store.create(`c/race/${round}`, body)));
      expect(created.filter(Boolean)).toHaveLength(1);
      expect(await store.get(`c/race/${round}`)).toEqual(new Uint8Array(bodies[created.indexOf(true)] ?? text('')));
    }
  }, 30_000);

  test('putStream stores a stream of many parts and counts its bytes', async () => {
    const parts = [randomBytes(5 << 20), randomBytes(1), randomBytes(12 << 20)];
    expect(await store.putStream('c/stream', chunks(...parts))).toBe((17 << 20) + 1);
    expect((await whole(await store.getStream('c/stream')))?.equals(Buffer.concat(parts))).toBe(true);
    expect(await store.putStream('c/empty', chunks())).toBe(0);
    expect(await store.get('c/empty')).toHaveLength(0);
  });

  test('a stream that breaks leaves nothing, and its own error comes through', async () => {
    const breaks = async function* (): AsyncIterable<Uint8Array> {
      yield* chunks(randomBytes(9 << 20));
      throw new RangeError('the sender went away');
    };
    await expect(store.putStream('c/broken', breaks())).rejects.toThrow(RangeError);
    expect(await keysBelow(store, 'c/broken')).toEqual([]);
    expect(await store.get('c/broken')).toBeNull();
  });

  test('lists what begins with the prefix, with sizes', async () => {
    const keys = ['c/list/a-b', 'c/list/a/b', 'c/list/a.b', 'c/list/a/c/d', 'c/list/aa', 'c/list/b', 'c/lista'];
    for (const key of keys) await store.put(key, text(key));
    const below = async (prefix: string): Promise<string[]> => (await keysBelow(store, prefix)).sort();
    keys.sort();
    expect(await below('c/list')).toEqual(keys);
    expect(await below('c/list/')).toEqual(keys.filter((key) => key.startsWith('c/list/')));
    expect(await below('c/list/a')).toEqual(keys.filter((key) => key.startsWith('c/list/a')));
    expect(await below('c/list/a/')).toEqual(['c/list/a/b', 'c/list/a/c/d']);
    expect(await below('c/none/')).toEqual([]);
    expect(await Array.fromAsync(store.list('c/list/aa'))).toEqual([{ key: 'c/list/aa', bytes: 9 }]);
  });

  test('lists a folder in order of keys, over more than a page', async () => {
    const keys = Array.from({ length: 1010 }, (_, index) => `c/order/${String(index * 7919).padStart(16, '0')}`);
    const shuffled = [...keys].sort((a, b) => (a.slice(-3) < b.slice(-3) ? -1 : 1));
    for (let at = 0; at < keys.length; at += 64) {
      await Promise.all(shuffled.slice(at, at + 64).map((key) => store.put(key, text('x'))));
    }
    expect(await keysBelow(store, 'c/order/')).toEqual(keys);
    await store.deleteAll('c/order/');
    expect(await keysBelow(store, 'c/order/')).toEqual([]);
  }, 30_000);

  test('lists only what comes after a key, whether that key exists or not', async () => {
    const keys = ['c/after/1', 'c/after/2', 'c/after/4', 'c/after/5'];
    const existing = keys.filter((key) => key !== 'c/after/2');
    for (const key of existing) await store.put(key, text('x'));
    const after = async (key: string): Promise<string[]> =>
      (await Array.fromAsync(store.list('c/after/', key))).map((found) => found.key);
    for (const key of [...keys, 'c/after/0', 'c/after/3', 'c/after/9']) {
      expect(await after(key)).toEqual(existing.filter((other) => other > key));
    }
  });

  test('deletes single objects, whether they are there or not', async () => {
    const keys = Array.from({ length: 70 }, (_, index) => `c/each/${index + 10}`);
    for (const key of [...keys, 'c/each/x']) await store.put(key, text(key));
    await store.deleteEach([...keys.slice(0, 65), 'c/each/none']);
    expect(await keysBelow(store, 'c/each/')).toEqual([...keys.slice(65), 'c/each/x']);
    await store.deleteEach([]);
    expect(await store.create('c/each/10', text('again'))).toBe(true);
    await expect(store.deleteEach(['../x'])).rejects.toThrow(/not plain/);
  });

  test('deletes all below a prefix and nothing beside it', async () => {
    for (const key of ['c/del/x/1', 'c/del/x/y/2', 'c/del/x2/3', 'c/del/x.4']) await store.put(key, text(key));
    await store.deleteAll('c/del/x/');
    expect(await keysBelow(store, 'c/del')).toEqual(['c/del/x.4', 'c/del/x2/3']);
    await store.deleteAll('c/del/x/');
    expect(await store.create('c/del/x/1', text('again'))).toBe(true);
  });

  test('refuses a key that is not plain', async () => {
    const bad = ['', '/a', 'a/', 'a//b', '..', 'a/../b', '.a', 'a/.b', 'a\\b', 'a b', 'ä', 'a\0b', 'a'.repeat(256)];
    for (const key of bad) {
      await expect(store.put(key, text('x'))).rejects.toThrow(/not plain/);
      await expect(store.create(key, text('x'))).rejects.toThrow(/not plain/);
      await expect(store.get(key)).rejects.toThrow(/not plain/);
      await expect(store.getStream(key)).rejects.toThrow(/not plain/);
      await expect(store.putStream(key, chunks())).rejects.toThrow(/not plain/);
    }
    await expect(store.deleteAll('c/del')).rejects.toThrow(/end with a slash/);
    await expect(store.deleteAll('c/../')).rejects.toThrow(/plain key/);
    await expect(Array.fromAsync(store.list('../'))).rejects.toThrow(/plain key/);
  });

  test('says that writes go through', async () => {
    await store.check();
  });
}
