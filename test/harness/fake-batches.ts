/** Batches as a gateway sees them, in memory. */
import { Failure } from '../../gateway/failures.ts';
import type { BatchesPort } from '../../gateway/ports.ts';
import type { BatchInput, BatchItemProgress, BatchItemView, BatchView } from '../../workflows/batch/contract.ts';
import type { SessionRef } from '../../workflows/contract.ts';

interface Started {
  readonly input: BatchInput;
  readonly name: string;
  readonly fingerprint: string;
  readonly items: BatchItemProgress[];
}

const WAITING: BatchItemProgress = { state: 'waiting', reason: null, detail: null, audioMs: 0 };

export class FakeBatches implements BatchesPort {
  readonly started = new Map<string, Started>();
  readonly cancelled: string[] = [];
  startedAtMs = Date.now();

  async start(input: BatchInput, name: string, fingerprint: string): Promise<boolean> {
    await Promise.resolve();
    if (this.started.has(input.ref.id)) return false;
    this.started.set(input.ref.id, { input, name, fingerprint, items: input.items.map(() => WAITING) });
    return true;
  }

  async about(ref: SessionRef): Promise<{ name: string; fingerprint: string } | null> {
    await Promise.resolve();
    return this.started.get(ref.id) ?? null;
  }

  async view(ref: SessionRef): Promise<BatchView> {
    await Promise.resolve();
    const { items } = this.#of(ref);
    const counts = { waiting: 0, running: 0, completed: 0, failed: 0, cancelled: 0 };
    for (const { state } of items) counts[state] += 1;
    return { state: 'running', counts, total: items.length, startedAtMs: this.startedAtMs, endedAtMs: null };
  }

  async items(ref: SessionRef, from: number, limit: number): Promise<BatchItemView[]> {
    await Promise.resolve();
    const { input, items } = this.#of(ref);
    return input.items.slice(from, from + limit).map(({ session, fileName, uploadId }, at) => ({
      index: from + at,
      session,
      fileName,
      uploadId,
      ...(items[from + at] ?? WAITING),
    }));
  }

  async cancel(ref: SessionRef): Promise<void> {
    await Promise.resolve();
    this.cancelled.push(this.#of(ref).input.ref.id);
  }

  async list(_tenant: string, limit: number, _cursor: string | null) {
    await Promise.resolve();
    const batches = [...this.started.values()].slice(0, limit).map(({ input, name, items }) => ({
      id: input.ref.id,
      name,
      state: 'running',
      items: items.length,
      startedAt: new Date(this.startedAtMs).toISOString(),
      endedAt: null,
    }));
    return { batches, cursor: null };
  }

  #of(ref: SessionRef): Started {
    const batch = this.started.get(ref.id);
    if (batch === undefined) throw new Failure('not_found', 'no such batch');
    return batch;
  }
}
