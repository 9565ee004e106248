/**
 * Put beside a process of the installation by `--import`: says, when its parent asks, how much its heaps hold after a
 * collection, those of its worker threads included (each thread loads this file and answers by a channel).
 */
import { runInNewContext } from 'node:vm';
import { setFlagsFromString } from 'node:v8';
import { BroadcastChannel, isMainThread } from 'node:worker_threads';

/** Threads answer within this; one that is busy for longer is not counted then. */
const THREADS_MS = 500;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Heap and the memory outside of it that its objects hold. */
function heldBytes(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const channel = new BroadcastChannel('longhand-soak-memory');
channel.unref();

let bytes = 0;
channel.onmessage = (event) => {
  const { data } = event as { data: 'say' | number };
  if (isMainThread) bytes += typeof data === 'number' ? data : 0;
  else if (data === 'say') channel.postMessage(heldBytes());
};

/** What a leak keeps. */
const kept: Buffer[] = [];

interface Order {
  readonly type: 'memory' | 'leak';
  readonly bytesPerS?: number;
}

if (isMainThread) {
  process.on('message', ({ type, bytesPerS = 0 }: Order) => {
    if (type === 'leak') setInterval(() => kept.push(Buffer.alloc(bytesPerS / 10, kept.length)), 100).unref();
    bytes = heldBytes();
    channel.postMessage('say');
    setTimeout(() => process.send?.({ heapBytes: bytes, rssBytes: process.memoryUsage.rss() }), THREADS_MS);
  });
}
