import type { Engine, Recogniser, RecogniserEvent, RecogniserOptions } from '../../../workers/engines/engine.ts';

export type Final = Extract<RecogniserEvent, { type: 'final' }>;

type Progress = Extract<RecogniserEvent, { type: 'progress' }>;

/** A recogniser whose events are kept, and can be waited for. */
export class Recording {
  readonly events: RecogniserEvent[] = [];
  readonly recogniser: Recogniser;
  private readonly waiting = new Set<() => void>();

  constructor(engine: Engine, options: Partial<RecogniserOptions> = {}) {
    this.recogniser = engine.open({ fromByte: 0, mode: 'live', language: 'en', ...options }, (event) => {
      this.events.push(event);
      for (const look of [...this.waiting]) look();
    });
  }

  get finals(): Final[] {
    return this.events.filter((event) => event.type === 'final');
  }

  get progress(): Progress[] {
    return this.events.filter((event) => event.type === 'progress');
  }

  get text(): string {
    return this.finals.map(({ text }) => text).join(' ');
  }

  get consumedByte(): number {
    return this.progress.at(-1)?.consumedByte ?? 0;
  }

  /** Resolves once the events so far satisfy a condition; rejects when the recogniser fails unexpectedly. */
  until(condition: (recording: this) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const failed = this.events.find((event) => event.type === 'failed');
        if (condition(this)) resolve();
        else if (failed !== undefined) reject(new Error(failed.detail));
        else return;
        this.waiting.delete(look);
      };
      this.waiting.add(look);
      look();
    });
  }

  ended(): Promise<void> {
    return this.until(({ events }) => events.at(-1)?.type === 'finished');
  }

  failed(): Promise<void> {
    return this.until(({ events }) => events.at(-1)?.type === 'failed');
  }

  /** Gives audio in chunks of 100 ms, never more than `aheadBytes` ahead of what is consumed. */
  async feed(pcm: Uint8Array, fromByte = 0, aheadBytes = 32_000): Promise<void> {
    for (let at = 0; at < pcm.length; at += 3200) {
      if (fromByte + at - Math.max(this.consumedByte, fromByte) > aheadBytes) {
        await this.until(({ consumedByte }) => fromByte + at - consumedByte <= aheadBytes);
      }
      this.recogniser.accept(pcm.subarray(at, at + 3200));
    }
  }
}
