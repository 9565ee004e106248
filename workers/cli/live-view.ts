/** What `longhand live` shows: finals as lines, the partial rewritten in place below them, and what is going on. */
import type { Output } from '../start/screen.ts';
import { Screen } from '../start/screen.ts';
import type { LiveClient } from './live-client.ts';
import { clock, duration } from './table.ts';

/**
 * Words go to `words`, one final a line, with its time where a person reads along. Everything else goes to the terminal
 * that is there: on the same one, two streams must not rewrite each other's lines.
 */
export class LiveView {
  readonly #words: Output;
  readonly #screen: Screen;
  readonly #isTerminal: boolean;
  #isAway = false;

  constructor(words: Output, status: Output) {
    this.#words = words;
    this.#isTerminal = words.isTTY === true || status.isTTY === true;
    this.#screen = new Screen(words.isTTY === true ? words : status);
  }

  follow(client: LiveClient): this {
    client.on('session', ({ id }) => this.#connected(id));
    client.on('queued', ({ position, estimatedWaitMs }) => this.#passing(waitText(position, estimatedWaitMs)));
    client.on('started', () => this.#draft(''));
    client.on('partial', ({ text }) => this.#draft(text));
    client.on('final', ({ startMs, text }) => this.#final(startMs, text));
    client.on('reconnecting', ({ why, inMs }) => this.#broken(why, inMs));
    client.on('done', ({ segments, audioMs, state }) =>
      this.say(`${state}: ${segments} ${segments === 1 ? 'segment' : 'segments'}, ${clock(audioMs)} of audio`),
    );
    return this;
  }

  /** A line that is not of the transcript. */
  say(text: string): void {
    this.#screen.line(text);
  }

  /** Takes back a line that would have been rewritten. */
  clear(): void {
    this.#draft('');
  }

  #final(startMs: number, text: string): void {
    if (this.#words.isTTY === true) this.#screen.line(`${clock(startMs).padStart(9)}  ${text}`);
    else this.#words.write(`${text}\n`);
  }

  #connected(id: string): void {
    this.say(this.#isAway ? 'connected again' : `session ${id}`);
    this.#isAway = false;
  }

  #broken(why: string, inMs: number): void {
    if (!this.#isAway) this.say(`connection lost (${why}): the audio is kept, trying again`);
    this.#isAway = true;
    this.#draft(`trying again in ${duration(inMs)}`);
  }

  #passing(text: string): void {
    if (this.#isTerminal) this.#draft(text);
    else this.say(text);
  }

  #draft(text: string): void {
    this.#screen.draft(text);
  }
}

/** Position from 1; both are estimates, and null when unknown. */
export function waitText(position: number | null, estimatedWaitMs: number | null): string {
  const place = position === null ? '' : `, place ${position}`;
  const wait = estimatedWaitMs === null ? '' : `, about ${duration(estimatedWaitMs)}`;
  return `waiting for a worker${place}${wait}; the audio is stored meanwhile`;
}
