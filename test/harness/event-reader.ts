/** Reads a session's events with an EventSource that no one here wrote; its connection can be cut. */
import { EventSource } from 'eventsource';
import { documentedEvent } from './documented.ts';

export interface HeardEvent {
  readonly name: string;
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NAMES = ['session', 'queued', 'final', 'done'] as const;

export class EventReader {
  readonly events: HeardEvent[] = [];
  /** What was not as the OpenAPI document says. */
  readonly faults: string[] = [];
  connections = 0;
  readonly #source: EventSource;
  #connection = new AbortController();
  readonly #waiting: (() => void)[] = [];

  /** @param url of the events; asked anew at each connection */
  constructor(url: () => string, lastEventId?: string) {
    this.#source = new EventSource(url(), {
      fetch: (_url, init) => {
        this.#connection = new AbortController();
        this.connections += 1;
        const first = this.connections === 1 && lastEventId !== undefined ? { 'Last-Event-ID': lastEventId } : {};
        const signal = AbortSignal.any([this.#connection.signal, ...(init.signal ? [init.signal as AbortSignal] : [])]);
        return fetch(url(), { ...init, headers: { ...init.headers, ...first }, signal });
      },
    });
    for (const name of NAMES) {
      this.#source.addEventListener(name, ({ data, lastEventId: id }) => {
        const value = JSON.parse(data as string) as HeardEvent['data'];
        this.faults.push(...documentedEvent(name, value));
        this.events.push({ name, id, data: value });
        this.#wake();
      });
    }
    this.#source.addEventListener('error', () => this.#wake());
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves when so many of a kind have come; gives the last of them. */
  async until(name: (typeof NAMES)[number], times = 1): Promise<HeardEvent> {
    await this.when(() => this.of(name).length >= times);
    return this.of(name)[times - 1] as HeardEvent;
  }

  async when(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  of(name: string): HeardEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  get indexes(): unknown[] {
    return this.of('final').map(({ data }) => data['index']);
  }

  get lastId(): string {
    return this.events.at(-1)?.id ?? '';
  }

  /** It does not come again by itself. */
  get isClosed(): boolean {
    return this.#source.readyState === EventSource.CLOSED;
  }

  /** As a network does. */
  cut(): void {
    // An AbortError would be the reader's own wish.
    this.#connection.abort(new TypeError('the network is down'));
  }

  close(): void {
    this.#source.close();
  }
}
