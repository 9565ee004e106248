import type { ObjectStore } from '../../infra/objects/port.ts';

/** An object store in memory, for tests of what stands on one. */
export class MemoryObjects implements ObjectStore {
  readonly objects = new Map<string, Uint8Array>();

  async put(key: string, body: Uint8Array): Promise<void> {
    await Promise.resolve();
    this.objects.set(key, Uint8Array.from(body));
  }

  async create(key: string, body: Uint8Array): Promise<boolean> {
    await Promise.resolve();
    if (this.objects.has(key)) return false;
    this.objects.set(key, Uint8Array.from(body));
    return true;
  }

  async putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number> {
    const whole = Buffer.concat(await Array.fromAsync(body));
    await this.put(key, whole);
    return whole.byteLength;
  }

  async get(key: string): Promise<Uint8Array | null> {
    await Promise.resolve();
    return this.objects.get(key) ?? null;
  }

  async getStream(key: string): Promise<AsyncIterable<Uint8Array> | null> {
    const body = await this.get(key);
    return body === null ? null : pieces(body);
  }

  async *list(prefix: string, after = ''): AsyncIterable<{ key: string; bytes: number }> {
    await Promise.resolve();
    const keys = [...this.objects.keys()].filter((name) => name.startsWith(prefix) && name > after);
    for (const key of keys.sort()) {
      const body = this.objects.get(key);
      if (body !== undefined) yield { key, bytes: body.byteLength };
    }
  }

  async deleteEach(keys: readonly string[]): Promise<void> {
    await Promise.resolve();
    for (const key of keys) this.objects.delete(key);
  }

  async deleteAll(prefix: string): Promise<void> {
    for await (const { key } of this.list(prefix)) this.objects.delete(key);
  }

  async check(): Promise<void> {
    await Promise.resolve();
  }

  /** An object's text; fails where there is none. */
  text(key: string): string {
    const body = this.objects.get(key);
    if (body === undefined) throw new Error(`no object ${key}, there are ${[...this.objects.keys()].join(', ')}`);
    return Buffer.from(body).toString();
  }
}

async function* pieces(body: Uint8Array): AsyncIterable<Uint8Array> {
  for (let at = 0; at < body.byteLength; at += 65_536) {
    await Promise.resolve();
    yield body.subarray(at, at + 65_536);
  }
}
