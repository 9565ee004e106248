/** `npm run dev`: restarts the processes whose code has changed. */
import { type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';
import type { Group } from './services.ts';

const ALL: readonly Group[] = ['orchestrator', 'gateway', 'asr'];

/** Longest match first. `workflows/` is the contract between all of them. */
const OWNERS: readonly (readonly [prefix: string, groups: readonly Group[]])[] = [
  ['workers/start/', []],
  ['workers/cli/', []],
  ['workers/orchestrator-main.ts', ['orchestrator']],
  ['workers/gateway-main.ts', ['gateway']],
  ['workers/', ['asr']],
  ['gateway/page/', []],
  ['gateway/', ['gateway']],
  // The streaming activities run in the ASR workers.
  ['activities/', ['orchestrator', 'asr']],
  ['workflows/', ALL],
  ['infra/', ALL],
];

const WATCHED = ['workflows', 'activities', 'gateway', 'workers', 'infra'];

/** Which processes run code of this file; `path` is relative to the repository, with slashes. */
export function ownersOf(path: string): readonly Group[] {
  if (!/\.(ts|json)$/.test(path) || /(^|\/)\./.test(path)) return [];
  return OWNERS.find(([prefix]) => path.startsWith(prefix))?.[1] ?? [];
}

/** A save touches a file several times, and an editor several files: one restart for all of it. */
const SETTLE_MS = 200;

/**
 * Calls `onChange` with the processes concerned, one call at a time, until the returned function is called.
 * @param root the repository
 */
export function watchSources(root: string, onChange: (groups: ReadonlySet<Group>) => Promise<void>): () => void {
  let changed = new Set<Group>();
  let timer: NodeJS.Timeout | null = null;
  let working = Promise.resolve();
  const fire = (): void => {
    const groups = changed;
    changed = new Set();
    working = working.then(() => onChange(groups));
  };
  const note = (path: string): void => {
    const owners = ownersOf(path);
    if (owners.length === 0) return;
    for (const group of owners) changed.add(group);
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(fire, SETTLE_MS);
  };
  const watchers: FSWatcher[] = WATCHED.map((folder) =>
    watch(join(root, folder), { recursive: true }, (_event, name) => {
      if (name !== null) note(`${folder}/${name.replaceAll('\\', '/')}`);
    }),
  );
  return () => {
    if (timer !== null) clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}
