import { Worker } from 'node:worker_threads';
import type { Recogniser, RecogniserEvent, RecogniserOptions } from '../engine.ts';
import { MAX_AHEAD_BYTES } from '../limits.ts';
import { checkFromByte, SamplePairs } from '../sample-pairs.ts';
import type { FromThread, ThreadData, ToThread } from './messages.ts';

type OnEvent = (event: RecogniserEvent) => void;

/** A thread that is told to end gets so long for the decode under way. */
const END_MS = 3000;

/** One life of the recognition thread, seen from the process: hands audio in and events out. */
export class RecognitionThread {
  /** Resolves once the model is warm; rejects when the thread ends before. */
  readonly ready: Promise<void>;
  private readonly worker: Worker;
  private readonly handles = new Map<number, RecogniserHandle>();
  private readonly exited: Promise<void>;
  private why: string | null = null;

  /** `script` is what runs in the thread; another than the real one in tests only. */
  constructor(data: ThreadData, script = new URL('./thread.ts', import.meta.url)) {
    // Options of this process's node (an inspector, a test runner's) are not the thread's.
    this.worker = new Worker(script, { workerData: data, execArgv: [] });
    this.worker.on('error', (error) => this.fail(`recognition failed: ${String(error)}`));
    this.exited = new Promise((resolve) => {
      this.worker.on('exit', (code) => {
        this.fail(`the recognition thread ended with code ${code}`);
        resolve();
      });
    });
    this.ready = new Promise((resolve, reject) => {
      this.worker.on('message', (message: FromThread) => {
        if (message.type === 'ready') resolve();
        else this.handles.get(message.id)?.take(message.event);
      });
      void this.exited.then(() => reject(new Error(this.why ?? 'the recognition thread ended')));
    });
    // A thread that replaces a failed one is not waited for: its recognisers are told when it fails.
    this.ready.catch(() => undefined);
  }

  /** Why the thread can do no more; null while it can. */
  get failure(): string | null {
    return this.why;
  }

  open(id: number, { fromByte, mode }: RecogniserOptions, onEvent: OnEvent): Recogniser {
    checkFromByte(fromByte);
    const post = (message: ToThread, transfer: ArrayBuffer[] = []): void => this.worker.postMessage(message, transfer);
    const handle = new RecogniserHandle(id, fromByte, post, onEvent, () => this.handles.delete(id));
    this.handles.set(id, handle);
    post({ type: 'open', id, fromByte, mode });
    return handle;
  }

  async close(): Promise<void> {
    for (const handle of this.handles.values()) handle.close();
    this.worker.postMessage({ type: 'end' } satisfies ToThread);
    const timer = setTimeout(() => void this.worker.terminate(), END_MS);
    await this.exited;
    clearTimeout(timer);
  }

  private fail(detail: string): void {
    if (this.why !== null) return;
    this.why = detail;
    for (const handle of [...this.handles.values()]) handle.take({ type: 'failed', detail });
  }
}

class RecogniserHandle implements Recogniser {
  private readonly id: number;
  private readonly post: (message: ToThread, transfer?: ArrayBuffer[]) => void;
  private readonly onEvent: OnEvent;
  private readonly forget: () => void;
  private readonly pairs = new SamplePairs();
  private givenByte: number;
  private consumedByte: number;
  private state: 'open' | 'finishing' | 'over' = 'open';

  constructor(
    id: number,
    fromByte: number,
    post: (message: ToThread, transfer?: ArrayBuffer[]) => void,
    onEvent: OnEvent,
    forget: () => void,
  ) {
    this.id = id;
    this.givenByte = this.consumedByte = fromByte;
    this.post = post;
    this.onEvent = onEvent;
    this.forget = forget;
  }

  accept(audio: Uint8Array): void {
    if (this.state === 'finishing') throw new Error('accept after finish: a recogniser takes no more audio');
    if (this.state === 'over') return;
    // A copy of its own: a view would take its whole underlying buffer along to the thread.
    const bytes = new Uint8Array(this.pairs.take(audio));
    if (bytes.length === 0) return;
    this.givenByte += bytes.length;
    this.post({ type: 'audio', id: this.id, bytes }, [bytes.buffer]);
    if (this.givenByte - this.consumedByte <= MAX_AHEAD_BYTES) return;
    const detail = `more than ${MAX_AHEAD_BYTES} bytes were given ahead of what is consumed`;
    queueMicrotask(() => this.take({ type: 'failed', detail }));
  }

  finalize(): void {
    if (this.state === 'open') this.post({ type: 'finalize', id: this.id });
  }

  finish(): void {
    if (this.state !== 'open') return;
    this.state = 'finishing';
    this.post({ type: 'finish', id: this.id });
  }

  close(): void {
    if (this.state === 'over') return;
    this.state = 'over';
    this.forget();
    this.post({ type: 'close', id: this.id });
  }

  /** An event of the thread, or of its end. */
  take(event: RecogniserEvent): void {
    if (this.state === 'over') return;
    if (event.type === 'progress') this.consumedByte = event.consumedByte;
    if (event.type === 'finished' || event.type === 'failed') this.close();
    this.onEvent(event);
  }
}
