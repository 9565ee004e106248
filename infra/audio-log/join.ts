import { isJoined, objectsFrom, reachBytes } from './stretches.ts';
import type { LogFormat, Stretch, StretchStore } from './stretches.ts';

/** The store's gets that run side by side for one block. */
const READS_AT_ONCE = 8;

/** A log of which a block cannot be joined: bytes are missing, or it is not as this format has it. */
export class UnjoinableError extends Error {
  override name = 'UnjoinableError';
}

/** A log, and which of its blocks: [fromBlock, toBlock), all of them and the first stretch after them stored and settled. */
export interface Blocks {
  readonly prefix: string;
  readonly fromBlock: number;
  readonly toBlock: number;
}

/**
 * Puts the bytes of each block's stretches over its first one. Holds one block's bytes at a time.
 *
 * A block's stretches never change once it is complete, so that whoever joins it puts the same bytes at the same key: it
 * may be done twice at once, be broken off at any step and be done again. Throws {@link UnjoinableError} and the store's
 * errors.
 */
export async function joinBlocks(store: StretchStore, blocks: Blocks, format: LogFormat): Promise<void> {
  for await (const { stretches, endByte } of blocksOf(store, blocks, format)) {
    const [first] = stretches;
    if (first === undefined) continue;
    if (isJoined(first, format)) requireChain([first], endByte);
    else if (stretches.length > 1) await joinBlock(store, blocks.prefix, stretches, endByte);
  }
}

/** Deletes the stretches whose bytes {@link joinBlocks} has put over their block's first one. */
export async function dropJoined(store: StretchStore, blocks: Blocks, format: LogFormat): Promise<void> {
  for await (const { covered } of blocksOf(store, blocks, format)) {
    if (covered.length > 0) await store.deleteEach(covered.map(({ key }) => key));
  }
}

interface Block {
  readonly stretches: Stretch[];
  /** What begins within the block's joined stretch. */
  readonly covered: Stretch[];
  /** Where the next block's first stretch begins. */
  readonly endByte: number;
}

async function* blocksOf(
  store: StretchStore,
  { prefix, fromBlock, toBlock }: Blocks,
  format: LogFormat,
): AsyncGenerator<Block, void> {
  let stretches: Stretch[] = [];
  let covered: Stretch[] = [];
  let joinedTo = 0;
  const from = Math.max(0, fromBlock * format.blockBytes - reachBytes(format));
  for await (const stretch of objectsFrom(store, prefix, from)) {
    if (stretch.start < joinedTo) {
      covered.push(stretch);
      continue;
    }
    if (isJoined(stretch, format)) joinedTo = stretch.start + stretch.bytes;
    const block = blockOf(stretches[0] ?? stretch, format);
    if (blockOf(stretch, format) > block) {
      if (block >= fromBlock) yield { stretches, covered, endByte: stretch.start };
      [stretches, covered] = [[], []];
    }
    if (blockOf(stretch, format) >= toBlock) return;
    stretches.push(stretch);
  }
}

const blockOf = ({ start }: Stretch, { blockBytes }: LogFormat): number => Math.floor(start / blockBytes);

async function joinBlock(
  store: StretchStore,
  prefix: string,
  stretches: readonly Stretch[],
  endByte: number,
): Promise<void> {
  requireChain(stretches, endByte);
  const bytes = await readAll(store, stretches, endByte);
  // Another process may have joined the block meanwhile, and what was read may be what a late writer has put there since.
  const [first] = stretches;
  if (first !== undefined && (await isUnchanged(store, prefix, stretches))) await store.put(first.key, bytes);
}

function requireChain(block: readonly Stretch[], endByte: number): void {
  const ends = block.map(({ start, bytes }) => start + bytes);
  const next = [...block.slice(1).map(({ start }) => start), endByte];
  const at = ends.findIndex((end, index) => end !== next[index]);
  if (at >= 0) throw new UnjoinableError(`nothing follows the stretch ${block[at]?.key ?? ''}`);
}

async function readAll(store: StretchStore, block: readonly Stretch[], endByte: number): Promise<Uint8Array> {
  const first = block[0]?.start ?? 0;
  const whole = new Uint8Array(endByte - first);
  const waiting = [...block];
  const lane = async (): Promise<void> => {
    for (let stretch = waiting.shift(); stretch !== undefined; stretch = waiting.shift()) {
      const body = await store.get(stretch.key);
      if (body?.byteLength !== stretch.bytes) throw new UnjoinableError(`${stretch.key} is not what was listed`);
      whole.set(body, stretch.start - first);
    }
  };
  await Promise.all(Array.from({ length: READS_AT_ONCE }, lane));
  return whole;
}

async function isUnchanged(store: StretchStore, prefix: string, block: readonly Stretch[]): Promise<boolean> {
  let at = 0;
  for await (const { key, bytes } of objectsFrom(store, prefix, block[0]?.start ?? 0)) {
    if (key !== block[at]?.key || bytes !== block[at]?.bytes) return false;
    at += 1;
    if (at === block.length) return true;
  }
  return false;
}
