/** Reads a session that is not spoken into from here: asks for its state, and for its words when there are more. */
import { ApiError, AWAY, mayPass } from './api.js';
import { isOver } from './words.js';

/** @typedef {import('./api.js').Session} Session */
/** @typedef {import('./api.js').Segment} Segment */
/**
 * @typedef {{
 *   readonly id: string,
 *   readonly fetchSession: (id: string) => Promise<Session>,
 *   readonly fetchTranscript: (id: string) => Promise<{ readonly segments: readonly Segment[] }>,
 *   readonly session: (session: Session) => void,
 *   readonly segments: (segments: readonly Segment[]) => void,
 *   readonly fault: (message: string, isFinal: boolean) => void,
 *   readonly everyMs?: number,
 * }} Options
 */

const EVERY_MS = 1000;

export class Reader {
  #options;
  #isStopped = false;
  #known = -1;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Options} options */
  constructor(options) {
    this.#options = { everyMs: EVERY_MS, ...options };
  }

  start() {
    void this.#round();
    return this;
  }

  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #round() {
    try {
      if (await this.#read()) return;
    } catch (error) {
      if (this.#isStopped) return;
      const isFinal = !mayPass(error);
      this.#options.fault(error instanceof ApiError ? error.message : AWAY, isFinal);
      if (isFinal) return;
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#round(), this.#options.everyMs);
  }

  /** Answers whether there is nothing more to come. */
  async #read() {
    const { id, fetchSession, session, segments } = this.#options;
    const found = await fetchSession(id);
    // A file's transcript is written at its end; a failed session has none.
    const isReadable = found.state !== 'failed' && (found.kind === 'live' || isOver(found.state));
    const words = isReadable && found.segments !== this.#known ? await this.#words(found) : null;
    if (this.#isStopped) return true;
    session(found);
    if (words !== null) segments(words);
    return isOver(found.state);
  }

  /** @param {Session} session */
  async #words({ id, state }) {
    const { segments } = await this.#options.fetchTranscript(id).catch((/** @type {unknown} */ error) => {
      // A file that was cancelled before its end has none.
      if (state === 'cancelled' && !mayPass(error)) return { segments: [] };
      throw error;
    });
    this.#known = segments.length;
    return segments;
  }
}
