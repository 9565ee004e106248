/** Writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) as fast as they are read. */
import type { ServerResponse } from 'node:http';

export interface WriterSettings {
  /** After so long without an event a comment is sent. A reader that takes nothing for twice as long is let go of. */
  readonly heartbeatMs: number;
  /** What a client waits before it comes again. */
  readonly retryMs: number;
}

/** The reader has left, or is too slow. */
export class ReaderGone extends Error {
  override name = 'ReaderGone';
}

export class EventWriter {
  readonly #response: ServerResponse;
  readonly #settings: WriterSettings;
  readonly #heartbeat: NodeJS.Timeout;
  #isBlocked = false;

  constructor(response: ServerResponse, settings: WriterSettings) {
    this.#response = response;
    this.#settings = settings;
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-cache, no-transform',
      // nginx holds answers back otherwise.
      'X-Accel-Buffering': 'no',
    });
    response.write(`retry: ${settings.retryMs}\n\n`);
    this.#heartbeat = setInterval(() => {
      if (!this.#isBlocked) response.write(': here\n\n');
    }, settings.heartbeatMs);
  }

  /**
   * Resolves when there is room for the next.
   * @param id null: the reader's place stays what it is
   * @throws ReaderGone
   */
  async send(name: string, id: string | null, data: object): Promise<void> {
    const lines = [`event: ${name}`, ...(id === null ? [] : [`id: ${id}`]), `data: ${JSON.stringify(data)}`];
    if (this.#response.destroyed) throw new ReaderGone('the connection is closed');
    this.#heartbeat.refresh();
    if (!this.#response.write(`${lines.join('\n')}\n\n`)) await this.#room();
  }

  async #room(): Promise<void> {
    const response = this.#response;
    this.#isBlocked = true;
    const room = Promise.withResolvers<undefined>();
    const drained = (): void => room.resolve(undefined);
    const closed = (): void => room.reject(new ReaderGone('the connection is closed'));
    const stalled = setTimeout(() => response.destroy(), this.#settings.heartbeatMs * 2);
    response.once('drain', drained).once('close', closed);
    try {
      await room.promise;
    } finally {
      clearTimeout(stalled);
      response.off('drain', drained).off('close', closed);
      this.#isBlocked = false;
    }
  }

  /** No more comes. A client may come again. */
  end(): void {
    clearInterval(this.#heartbeat);
    this.#response.end();
  }
}
