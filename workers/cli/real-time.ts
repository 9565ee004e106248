/** Gives audio to a live session at the pace at which it was spoken, or as fast as it is stored. */
import { setTimeout as pause } from 'node:timers/promises';
import type { LiveClient } from './live-client.ts';

export interface Pace {
  /** Of the audio as it is sent. */
  readonly bytesPerSecond: number;
  readonly chunkMs: number;
  /** false: as fast as it is acknowledged. */
  readonly realTime: boolean;
}

/** Cuts a stream into pieces of `bytes`; the last one may be shorter. */
async function* cut(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const part of source) {
    rest = Buffer.concat([rest, part]);
    for (; rest.length >= bytes; rest = rest.subarray(bytes)) yield rest.subarray(0, bytes);
  }
  if (rest.length > 0) yield rest;
}

/**
 * Sends the whole source and says `end`. A microphone does not wait for the network, and neither does this: while the
 * connection is broken audio piles up in the client, up to its bound.
 * @throws LiveError when the session ends before its audio
 */
export async function sendAudio(
  client: LiveClient,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { bytesPerSecond, chunkMs, realTime }: Pace,
): Promise<void> {
  const chunkBytes = Math.max(1, Math.round((bytesPerSecond * chunkMs) / 1000));
  const begunMs = performance.now();
  let given = 0;
  let sent = 0;
  for await (const chunk of cut(source, chunkBytes)) {
    given += chunk.length;
    // What an earlier connection stored already needs no time; a client that is resumed says so in `session`.
    if (given > client.durableBytes) sent += chunk.length;
    // A chunk exists once its last sample was spoken.
    const dueMs = begunMs + (sent / bytesPerSecond) * 1000 - performance.now();
    if (realTime && dueMs > 0) await pause(dueMs);
    await client.room();
    client.send(chunk);
  }
  client.end();
}
