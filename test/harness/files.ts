/** Files as they are posted, and what becomes of them. */
import { setTimeout as pause } from 'node:timers/promises';
import type { TranscriptDocument } from '../../workflows/contract.ts';
import type { System } from './system.ts';

/** A WAV file of 16 kHz mono s16le; the header claims `claimedBytes` of audio. */
export function wav(audio: Uint8Array, claimedBytes = audio.length): Uint8Array<ArrayBuffer> {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE((36 + claimedBytes) >>> 0, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(16_000, 24);
  head.writeUInt32LE(32_000, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(claimedBytes >>> 0, 40);
  return Uint8Array.from(Buffer.concat([head, audio]));
}

export interface Posted {
  readonly status: number;
  readonly type: string | null;
  readonly body: Record<string, unknown>;
}

export async function postFile(system: System, body: Uint8Array<ArrayBuffer> | FormData, query = ''): Promise<Posted> {
  const answer = await fetch(`${system.httpUrl}/v1/sessions${query}`, { method: 'POST', body });
  const type = answer.headers.get('content-type');
  return { status: answer.status, type, body: (await answer.json()) as Record<string, unknown> };
}

/** Waits until the file is transcribed; a session that fails is an error. */
export async function finishedFile(system: System, id: string): Promise<TranscriptDocument> {
  for (;;) {
    const session = (await system.json(`/v1/sessions/${id}`)) as { state: string };
    if (session.state === 'failed' || session.state === 'cancelled') throw new Error(JSON.stringify(session));
    if (session.state === 'completed') break;
    await pause(50);
  }
  return (await system.json(`/v1/sessions/${id}/transcript`)) as TranscriptDocument;
}
