/** A session with a worker, whose finals the test says. */
import type { Edge, Worker } from '../../../harness/edge.ts';
import type { Segment } from '../../../../workflows/contract.ts';

export interface Heard {
  readonly worker: Worker;
  /** The worker commits a final and tells the gateway. */
  readonly hear: (text: string, startMs: number, endMs: number) => void;
}

/** Grants a lease; the worker dials. */
export async function given(edge: Edge, id: string): Promise<Heard> {
  await edge.sessions.until(id, (state) => state.client !== null);
  const { epoch } = edge.sessions.grant(id);
  const worker = await edge.worker({ epoch, id });
  let index = 0;
  const hear = (text: string, startMs: number, endMs: number): void => {
    const words = text.split(' ').map((word) => ({ text: word, startMs, endMs }));
    const range = { startByte: startMs * 32, endByte: endMs * 32 };
    const segment: Segment = { index, startMs, endMs, text, words, timing: 'estimated', channel: 0, ...range };
    index += 1;
    edge.sessions.commit(id, [segment], endMs * 32);
    worker.say({ type: 'final', segments: [segment] });
  };
  return { worker, hear };
}
