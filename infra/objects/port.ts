/**
 * Object storage as Longhand uses it, over a folder or S3. A key is plain: segments of letters, digits, `.`, `_`, `-`
 * joined by single slashes; no key is the folder of another. A `put` that has answered is on durable storage.
 */
export interface ObjectStore {
  /** Stores an object whole, replacing an earlier one. */
  put(key: string, body: Uint8Array): Promise<void>;
  /** Stores an object unless the key exists (S3 `If-None-Match: *`); answers whether it was created. */
  create(key: string, body: Uint8Array): Promise<boolean>;
  /** Stores a stream without holding it in memory; nothing is visible before the end. Answers the bytes written. */
  putStream(key: string, body: AsyncIterable<Uint8Array>): Promise<number>;
  /** The object's bytes, or null when there is none. */
  get(key: string): Promise<Uint8Array | null>;
  /** The object as a stream, or null when there is none. */
  getStream(key: string): Promise<AsyncIterable<Uint8Array> | null>;
  /**
   * All objects whose key begins with the prefix; those of one folder come in order of their keys. Sizes in bytes.
   * @param after a key of the same folder, there or not: only those that come after it, without a look at the others.
   */
  list(prefix: string, after?: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  /** Deletes these objects; one that is not there is no error. */
  deleteEach(keys: readonly string[]): Promise<void>;
  /** Deletes every object below a prefix that ends with a slash. */
  deleteAll(prefix: string): Promise<void>;
  /** Answers when a write goes through; throws otherwise (readiness). */
  check(): Promise<void>;
}
