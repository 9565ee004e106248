/**
 * Which Python index pip is configured for, as pip itself finds out: PIP_INDEX_URL, else the files of
 * https://pip.pypa.io/en/stable/topics/configuration/ (the later ones win: global, user, virtual environment,
 * PIP_CONFIG_FILE). Nothing is assumed where nothing is configured.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Keys of pip.conf that matter here, with `_` and `-` alike. */
interface PipSettings {
  'index-url'?: string[];
  'extra-index-url'?: string[];
}

/** Reads `[global]` and `[download]` of an INI file; a value may go on in indented lines. */
export function parsePipConfig(ini: string): PipSettings {
  const sections: Record<string, Record<string, string[]>> = {};
  let [section, key] = ['', ''];
  for (const line of ini.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const header = /^\[([^\]]+)\]/.exec(line)?.[1];
    const pair = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line);
    if (header !== undefined) [section, key] = [header.trim(), ''];
    else if (/^\s/.test(line) && key !== '') sections[section]?.[key]?.push(...line.trim().split(/\s+/));
    else if (pair !== null) {
      key = (pair[1] ?? '').replaceAll('_', '-').toLowerCase();
      (sections[section] ??= {})[key] = (pair[2] ?? '').split(/\s+/).filter((part) => part !== '');
    }
  }
  return { ...sections['global'], ...sections['download'] };
}

function configFiles(environment: Environment): string[] {
  const { PIP_CONFIG_FILE: named, HOME: home = '', VIRTUAL_ENV: virtual } = environment;
  if (named === '/dev/null') return [];
  const user = environment['XDG_CONFIG_HOME'] ?? join(home, '.config');
  const shared = (environment['XDG_CONFIG_DIRS'] ?? '/etc/xdg')
    .split(':')
    .map((folder) => join(folder, 'pip', 'pip.conf'));
  return [
    ...shared,
    '/etc/pip.conf',
    join(home, '.pip', 'pip.conf'),
    join(user, 'pip', 'pip.conf'),
    ...(virtual === undefined ? [] : [join(virtual, 'pip.conf')]),
    ...(named === undefined ? [] : [named]),
  ];
}

const words = (text: string | undefined): string[] | undefined => text?.split(/\s+/).filter((word) => word !== '');

/** Addresses of the configured simple indexes, the main one first; they may hold credentials. Empty: none configured. */
export async function configuredIndexes(environment: Environment): Promise<string[]> {
  let settings: PipSettings = {};
  for (const file of configFiles(environment)) {
    const ini = await readFile(file, 'utf8').catch(() => '');
    settings = { ...settings, ...parsePipConfig(ini) };
  }
  const main = words(environment['PIP_INDEX_URL']) ?? settings['index-url'] ?? [];
  const extra = words(environment['PIP_EXTRA_INDEX_URL']) ?? settings['extra-index-url'] ?? [];
  return [...main, ...extra];
}
