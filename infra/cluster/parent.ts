/**
 * A pool whose workers are child processes of `npm start`: this process asks its parent over the channel between them
 * (workers/start/local-pools.ts answers).
 */
import { randomUUID } from 'node:crypto';

/** What goes over the channel. */
export interface ClusterQuestion {
  readonly type: 'cluster';
  readonly id: string;
  readonly ask: 'observe' | 'apply';
  readonly model: string;
  readonly wish: unknown;
}

export interface ClusterAnswer {
  readonly type: 'clusterAnswer';
  readonly id: string;
  readonly answer: unknown;
  readonly fault: string | null;
}

const isAnswer = (message: unknown): message is ClusterAnswer =>
  typeof message === 'object' && message !== null && 'type' in message && message.type === 'clusterAnswer';

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (fault: Error) => void;
}

export class ParentCluster<Pool, Wish> {
  readonly #waiting = new Map<string, Waiting>();
  readonly #limitMs: number;

  /** @param limitMs longest wait for an answer. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
    process.on('message', (message) => this.#take(message));
  }

  observe(model: string): Promise<Pool> {
    return this.#ask({ ask: 'observe', model, wish: null }) as Promise<Pool>;
  }

  async apply(model: string, wish: Wish): Promise<void> {
    await this.#ask({ ask: 'apply', model, wish });
  }

  #ask(question: Omit<ClusterQuestion, 'type' | 'id'>): Promise<unknown> {
    if (process.send === undefined) return Promise.reject(new Error('no parent process runs the workers'));
    const id = randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const limit = setTimeout(() => reject(new Error('the parent process does not answer')), this.#limitMs);
    this.#waiting.set(id, { resolve, reject });
    process.send({ type: 'cluster', id, ...question } satisfies ClusterQuestion);
    return promise.finally(() => {
      clearTimeout(limit);
      this.#waiting.delete(id);
    });
  }

  #take(message: unknown): void {
    if (!isAnswer(message)) return;
    const waiting = this.#waiting.get(message.id);
    if (message.fault === null) waiting?.resolve(message.answer);
    else waiting?.reject(new Error(message.fault));
  }
}
