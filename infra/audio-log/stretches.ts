/** The audio log's format: which objects there are, and which of them count. */

/** What the audio log needs of an object store. */
export interface StretchStore {
  put(key: string, body: Uint8Array): Promise<void>;
  create(key: string, body: Uint8Array): Promise<boolean>;
  get(key: string): Promise<Uint8Array | null>;
  list(prefix: string, after?: string): AsyncIterable<{ readonly key: string; readonly bytes: number }>;
  deleteEach(keys: readonly string[]): Promise<void>;
}

/** Sizes that every process of an installation, of every version, agrees on. */
export interface LogFormat {
  /** Longest stretch that is appended; a longer one comes from compaction. */
  readonly appendBytes: number;
  /**
   * The stretches that begin in [k, k + 1) times this are joined by compaction, up to where the next block's first one
   * begins. More than twice `appendBytes`, so that a joined stretch is always longer than an appended one.
   */
  readonly blockBytes: number;
}

export const LOG_FORMAT: LogFormat = { appendBytes: 1 << 20, blockBytes: 4 << 20 };

/** One object of the log: the bytes from `start` on; without bytes it is the seal. */
export interface Stretch {
  readonly key: string;
  readonly start: number;
  readonly bytes: number;
}

const DIGITS = 16;
const STRETCH = /^\d{16}$/;

/** 16 digits hold every safe integer, and make the order of keys the order of bytes. */
export function stretchKey(prefix: string, startByte: number): string {
  checkOffset(startByte);
  return `${prefix}${String(startByte).padStart(DIGITS, '0')}`;
}

export function checkOffset(byte: number): void {
  if (!Number.isSafeInteger(byte) || byte < 0) throw new RangeError(`byte offset ${byte} is not a whole number from 0`);
}

/** All objects of a log that begin at `fromByte` or later, in order. */
export async function* objectsFrom(
  store: Pick<StretchStore, 'list'>,
  prefix: string,
  fromByte: number,
): AsyncGenerator<Stretch, void> {
  const after = fromByte > 0 ? stretchKey(prefix, fromByte - 1) : undefined;
  for await (const { key, bytes } of store.list(prefix, after)) {
    const digits = key.slice(prefix.length);
    if (STRETCH.test(digits)) yield { key, start: Number(digits), bytes };
  }
}

/**
 * The stretches that count, in order, from before `atByte` on: the one that holds that byte is among them. What begins
 * within a joined stretch does not count: its bytes are there already, or it is the late work of a writer that stood at
 * an offset which compaction has deleted ({@link AudioLog.append}), and may then reach beyond.
 */
export async function* stretchesFrom(
  store: Pick<StretchStore, 'list'>,
  prefix: string,
  atByte: number,
  format: LogFormat,
): AsyncGenerator<Stretch, void> {
  let joinedTo = 0;
  for await (const stretch of objectsFrom(store, prefix, Math.max(0, atByte - reachBytes(format)))) {
    if (stretch.start < joinedTo) continue;
    if (isJoined(stretch, format)) joinedTo = stretch.start + stretch.bytes;
    yield stretch;
  }
}

/** So far before a byte begins the earliest stretch that can say anything about it. */
export const reachBytes = ({ appendBytes, blockBytes }: LogFormat): number => blockBytes + 2 * appendBytes;

export const isJoined = ({ bytes }: Stretch, { appendBytes }: LogFormat): boolean => bytes > appendBytes;
