/** The words of a session on the page: finals, which stay, and below them what may still change. */
import { byId, element, setText } from './dom.js';
import { clock } from './words.js';

/** @typedef {{ readonly startMs: number, readonly text: string }} Line */

/** A reader who has scrolled up is left there. */
const NEAR_THE_END_PX = 160;

export class TranscriptView {
  #finals = byId('finals');
  #partial = byId('partial');
  #empty = byId('empty');

  /** Finals that are shown. */
  get count() {
    return this.#finals.childElementCount;
  }

  clear() {
    this.#finals.replaceChildren();
    this.partial('');
    this.empty('');
  }

  /** @param {Line} line */
  add({ startMs, text }) {
    const isFollowed = this.#isNearTheEnd();
    const time = element('time', { datetime: `PT${(startMs / 1000).toFixed(1)}S` }, clock(startMs));
    const line = element('li', { 'data-start': String(startMs) }, time, element('p', { dir: 'auto' }, text));
    // What was transcribed again at the end belongs before what came earlier.
    const after = [...this.#finals.children].find((other) => Number(other.getAttribute('data-start')) > startMs);
    this.#finals.insertBefore(line, after ?? null);
    this.empty('');
    if (isFollowed) this.#follow();
  }

  /** Adds those that are not shown yet. @param {readonly Line[]} lines all of the session */
  show(lines) {
    const shown = new Set([...this.#finals.children].map((line) => line.textContent));
    for (const line of lines) if (!shown.has(`${clock(line.startMs)}${line.text}`)) this.add(line);
  }

  /** @param {string} text */
  partial(text) {
    const isFollowed = this.#isNearTheEnd();
    setText(this.#partial, text);
    if (text !== '') this.empty('');
    if (text !== '' && isFollowed) this.#follow();
  }

  /** What is said where there are no words. @param {string} text */
  empty(text) {
    setText(this.#empty, this.count > 0 ? '' : text);
  }

  #isNearTheEnd() {
    const { scrollTop, scrollHeight, clientHeight } = document.documentElement;
    return scrollTop > 0 && scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
  }

  #follow() {
    this.#partial.scrollIntoView({ block: 'nearest' });
  }
}
