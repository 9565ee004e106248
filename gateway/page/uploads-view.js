/** Files on their way to the server: chosen or dropped, one after the other, each with its bar. */
import { ApiError, mayPass, newId } from './api.js';
import { byId, element, setText } from './dom.js';
import { uploadFile } from './upload.js';

export class UploadsView {
  #list = byId('uploads');
  #stored;
  /** Uploads follow each other: side by side they would only slow each other down. @type {Promise<void>} */
  #last = Promise.resolve();

  /** @param {(id: string, isOnly: boolean) => void} stored the server has the file: its session has begun */
  constructor(stored) {
    this.#stored = stored;
  }

  start() {
    const input = /** @type {HTMLInputElement} */ (byId('file'));
    input.addEventListener('change', () => {
      this.#take(input.files);
      // The same file may be chosen again.
      input.value = '';
    });
    this.#acceptDrops(byId('drop'));
    return this;
  }

  /** The whole page takes files: one that misses the field would replace the page. @param {HTMLElement} field */
  #acceptDrops(field) {
    const over = (/** @type {boolean} */ isOver) => field.classList.toggle('over', isOver);
    document.addEventListener('dragover', (event) => {
      event.preventDefault();
      over(true);
    });
    document.addEventListener('dragleave', (event) => {
      if (event.relatedTarget === null) over(false);
    });
    document.addEventListener('drop', (event) => {
      event.preventDefault();
      over(false);
      this.#take(event.dataTransfer?.files ?? null);
    });
  }

  /** @param {FileList | null} files */
  #take(files) {
    for (const file of files ?? []) this.#queue(file, files?.length === 1);
  }

  /** @param {File} file @param {boolean} isOnly */
  #queue(file, isOnly) {
    const row = new UploadRow(file.name, () => this.#queue(file, isOnly));
    this.#list.append(row.item);
    this.#last = this.#last.then(() => this.#send(file, row, isOnly));
  }

  /** @param {File} file @param {UploadRow} row @param {boolean} isOnly */
  async #send(file, row, isOnly) {
    if (row.isGone) return;
    const id = newId();
    try {
      const upload = uploadFile(file, id, (share) => row.progress(share));
      row.onAbort = upload.abort;
      await upload.sent;
      row.remove();
      this.#stored(id, isOnly);
    } catch (error) {
      if (!row.isGone) row.fail(error instanceof ApiError ? error.message : 'it cannot be read', mayPass(error));
    }
  }
}

class UploadRow {
  onAbort = () => {};
  isGone = false;
  #bar = element('progress', { max: '1', value: '0' });
  #state = element('span', { class: 'upload-state' }, 'waiting');
  #again = element('button', { type: 'button', hidden: '' }, 'Try again');
  #close = element('button', { type: 'button' }, 'Cancel');

  /** @param {string} name @param {() => void} again */
  constructor(name, again) {
    const label = element('span', { class: 'upload-name', dir: 'auto' }, name);
    this.#bar.setAttribute('aria-label', `Upload of ${name}`);
    this.item = element('li', {}, label, this.#state, this.#bar, this.#again, this.#close);
    this.#again.addEventListener('click', () => {
      this.remove();
      again();
    });
    this.#close.addEventListener('click', () => {
      this.remove();
      this.onAbort();
    });
  }

  /** @param {number} share 0 to 1 */
  progress(share) {
    this.#bar.value = share;
    setText(this.#state, share < 1 ? `${Math.floor(share * 100)} %` : 'is looked at');
  }

  /** @param {string} why @param {boolean} mayHelp trying again may help */
  fail(why, mayHelp) {
    this.item.classList.add('failed');
    this.item.setAttribute('role', 'alert');
    setText(this.#state, why);
    setText(this.#close, 'Dismiss');
    this.#bar.hidden = true;
    this.#again.hidden = !mayHelp;
  }

  remove() {
    this.isGone = true;
    this.item.remove();
  }
}
