/** The list of recent sessions. */
import { fetchSessions } from './api.js';
import { byId, element, setText } from './dom.js';
import { ago, stateTone, stateWord } from './words.js';

/** @typedef {import('./api.js').SessionRow} SessionRow */

const SHOWN = 12;
const EVERY_MS = 5000;

export class RecentView {
  #list = byId('recent');
  #note = byId('recent-note');
  #current = '';
  #shown = '';

  start() {
    const round = async () => {
      if (document.visibilityState === 'visible') await this.refresh();
      setTimeout(round, EVERY_MS);
    };
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') void this.refresh();
    });
    void round();
    return this;
  }

  /** The session that is on the sheet. @param {string | null} id */
  mark(id) {
    this.#current = id ?? '';
    for (const link of this.#list.querySelectorAll('a')) this.#markOne(link);
  }

  async refresh() {
    try {
      const { sessions } = await fetchSessions(SHOWN);
      this.#show(sessions);
      setText(this.#note, sessions.length === 0 ? 'None yet.' : '');
    } catch {
      setText(this.#note, 'The list cannot be read just now.');
    }
  }

  /** A list that is the same is left alone, and with it the focus of who walks through it. @param {readonly SessionRow[]} rows */
  #show(rows) {
    const items = rows.map((row) => ({ ...row, when: ago(row.startedAt, Date.now()) }));
    const shown = JSON.stringify(items);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const focused = document.activeElement?.getAttribute('href') ?? null;
    this.#list.replaceChildren(...items.map((item) => this.#item(item)));
    if (focused === null) return;
    const again = [...this.#list.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused);
    if (!document.body.contains(document.activeElement) || document.activeElement === document.body) again?.focus();
  }

  /** @param {SessionRow & { when: string }} row */
  #item({ id, kind, state, when }) {
    const link = element(
      'a',
      { href: `#session=${id}`, title: id },
      element('span', { class: 'kind' }, kind === 'file' ? 'File' : 'Live'),
      element('code', {}, id),
      element('span', { class: 'when' }, when),
      element('span', { class: 'state', 'data-tone': stateTone(state) }, stateWord(state)),
    );
    this.#markOne(link);
    return element('li', {}, link);
  }

  /** @param {HTMLAnchorElement} link */
  #markOne(link) {
    if (link.title === this.#current) link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}
