import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

const KNOWN_LIMIT = 10_000;

/**
 * Makes folders, and the names in them, outlive a power cut: a file's entry is durable only once its folder is synced,
 * and the folder's own entry once its parent is.
 */
export class DurableFolders {
  readonly #root: string;
  /** Folders whose own entry this process has synced, so that a second file below costs one sync and not one a level. */
  readonly #known = new Set<string>();
  /** A sync that has not begun yet covers everyone who asks before it begins. */
  readonly #waiting = new Map<string, Promise<void>>();
  readonly #running = new Map<string, Promise<void>>();

  /** `root` is an existing folder; only folders below it are made or synced. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes a folder with all its parents, durably; cheap when this process did so before. */
  async make(folder: string): Promise<void> {
    if (folder === this.#root || this.#known.has(folder)) return;
    await mkdir(folder, { recursive: true });
    const parent = dirname(folder);
    await this.make(parent);
    await this.sync(parent);
    if (this.#known.size >= KNOWN_LIMIT) this.#known.clear();
    this.#known.add(folder);
  }

  /** Someone has deleted the folder: it, its parents and what was below are no longer taken as made. */
  forget(folder: string): void {
    for (const known of this.#known) {
      if (known === folder || known.startsWith(`${folder}/`) || folder.startsWith(`${known}/`))
        this.#known.delete(known);
    }
  }

  /** Answers when all entries that were in the folder at the time of the call are durable. */
  sync(folder: string): Promise<void> {
    const waiting = this.#waiting.get(folder);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(folder);
    if (running === undefined) return this.#start(folder);
    const next = running
      .catch(() => undefined)
      .then(() => {
        this.#waiting.delete(folder);
        return this.#start(folder);
      });
    this.#waiting.set(folder, next);
    return next;
  }

  #start(folder: string): Promise<void> {
    const run = syncFolder(folder).finally(() => this.#running.delete(folder));
    this.#running.set(folder, run);
    return run;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
