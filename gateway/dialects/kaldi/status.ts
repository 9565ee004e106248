/** kaldi-gstreamer-server's /client/ws/status: how many could be served at once, and how many were. */
import { asFailure } from '../../failures.ts';
import type { Gateway } from '../../ports.ts';
import type { Dialect, Line } from '../dialect.ts';
import { freeSlots } from './availability.ts';

export const STATUS_PATH = '/client/ws/status';

/** The counts are looked at so often, once for all who watch; while nobody watches, not at all. */
const EVERY_MS = 1000;

export function statusDialect(gateway: Gateway): Dialect {
  const board = new StatusBoard(gateway);
  return { path: STATUS_PATH, meet: () => ({ converse: (line) => watch(line, board) }) };
}

function watch(line: Line, board: StatusBoard) {
  let leave = (): void => undefined;
  return {
    begin: () => (leave = board.follow((status) => line.send(status))),
    // Nothing is asked here.
    hear: () => undefined,
    say: () => undefined,
    sayPartial: () => undefined,
    fail: (failure: Parameters<typeof asFailure>[0]) => {
      const { row, type } = asFailure(failure);
      return { code: row.closeCode, reason: type };
    },
    gone: () => leave(),
  };
}

class StatusBoard {
  readonly #gateway: Gateway;
  readonly #watchers = new Set<(status: string) => void>();
  #status: string | null = null;
  #isLooking = false;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  /** Tells the present state, and each one after it, until the function given back is called. */
  follow(tell: (status: string) => void): () => void {
    this.#watchers.add(tell);
    if (this.#isLooking && this.#status !== null) tell(this.#status);
    if (!this.#isLooking) void this.#round();
    return () => this.#watchers.delete(tell);
  }

  async #round(): Promise<void> {
    this.#isLooking = this.#watchers.size > 0;
    if (!this.#isLooking) {
      this.#status = null;
      return;
    }
    const status = await this.#look();
    if (status !== this.#status) for (const tell of this.#watchers) tell(status);
    this.#status = status;
    setTimeout(() => void this.#round(), EVERY_MS).unref();
  }

  /** Who cannot be asked serves nobody. */
  async #look(): Promise<string> {
    const { sessions, settings, log } = this.#gateway;
    try {
      const [available, processed] = await Promise.all([
        freeSlots(this.#gateway),
        sessions.endedSessions(settings.tenant),
      ]);
      return JSON.stringify({ num_workers_available: available, num_requests_processed: processed });
    } catch (error) {
      log.warn({ err: error }, 'the status of workers is unknown');
      return (
        this.#status?.replace(/\d+/, '0') ?? JSON.stringify({ num_workers_available: 0, num_requests_processed: 0 })
      );
    }
  }
}
