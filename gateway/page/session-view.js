/** The sheet of one session: what is going on, what is stored, what can be done. */
import { transcriptPath } from './api.js';
import { byId, element, setText } from './dom.js';
import { wavParts } from './wav.js';

const FORMATS = ['txt', 'json', 'srt', 'vtt'];

/** @typedef {'go-on' | 'finish' | 'cancel'} Action */

export class SessionView {
  #sheet = byId('session');
  #progress = /** @type {HTMLProgressElement} */ (byId('progress'));
  #unsaved = /** @type {HTMLAnchorElement} */ (byId('unsaved'));

  /** @param {string | null} id null: none is shown */
  show(id) {
    this.#sheet.hidden = id === null;
    byId('welcome').hidden = id !== null;
    setText(byId('session-id'), id ?? '');
    this.stored('');
    this.actions([]);
    this.progress(null);
    this.level(null);
    this.downloads(null);
    this.unsaved([]);
  }

  /** @param {import('./words.js').Status} status */
  status({ tone, headline, detail }) {
    byId('status').dataset['tone'] = tone;
    setText(byId('headline'), headline);
    setText(byId('detail'), detail);
  }

  /** @param {string} text */
  stored(text) {
    setText(byId('stored'), text);
  }

  /** @param {readonly Action[]} shown */
  actions(shown) {
    for (const id of /** @type {const} */ (['go-on', 'finish', 'cancel'])) byId(id).hidden = !shown.includes(id);
  }

  /** @param {number | null} share 0 to 1; null: no bar */
  progress(share) {
    this.#progress.hidden = share === null;
    this.#progress.value = share ?? 0;
  }

  /** The microphone's loudness. @param {number | null} peak 0 to 1; null: it is closed */
  level(peak) {
    const level = byId('level');
    level.hidden = peak === null;
    // Loudness is heard in ratios: -48 dB and less is nothing.
    const share = Math.max(0, 1 + Math.log10(Math.max(peak ?? 0, 1e-5)) / 2.4);
    level.style.setProperty('--level', share.toFixed(3));
  }

  /** @param {string | null} id null: nothing to be had yet */
  downloads(id) {
    const nav = byId('downloads');
    nav.hidden = id === null;
    if (id === null || nav.dataset['of'] === id) return;
    nav.dataset['of'] = id;
    const link = (/** @type {string} */ format) =>
      element('a', { href: transcriptPath(id, format), download: `${id}.${format}` }, format);
    nav.replaceChildren(element('span', {}, 'Download'), ...FORMATS.map(link));
  }

  /** Speech that could not be sent any more is given back. @param {readonly Uint8Array<ArrayBuffer>[]} pieces */
  unsaved(pieces) {
    URL.revokeObjectURL(this.#unsaved.href);
    this.#unsaved.hidden = pieces.length === 0;
    if (pieces.length === 0) return;
    this.#unsaved.href = URL.createObjectURL(new Blob(wavParts(pieces), { type: 'audio/wav' }));
    this.#unsaved.download = 'unsent-speech.wav';
  }
}
