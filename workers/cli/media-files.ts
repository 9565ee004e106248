/** Which files of folders are sound or video, and what is written of each. */
import { readdir, rename, stat, writeFile } from 'node:fs/promises';
import { basename, extname, join, relative } from 'node:path';
import { CliError } from './failure.ts';

/** What ffmpeg reads, by the usual names; another file is transcribed where it is named itself. */
const MEDIA = new Set(
  '.aac .aif .aiff .amr .au .avi .caf .flac .m4a .m4b .mka .mkv .mov .mp2 .mp3 .mp4 .mpeg .mpg .oga .ogg .opus .ts .wav .weba .webm .wma .wmv'.split(
    ' ',
  ),
);

export const isMedia = (name: string): boolean => !name.startsWith('.') && MEDIA.has(extname(name).toLowerCase());

export interface MediaFile {
  readonly path: string;
  /** Below the folder that was named, or the file's own name. */
  readonly name: string;
}

/** The files that are named, and those below the folders that are named, in order. @throws CliError */
export async function mediaFiles(paths: readonly string[]): Promise<MediaFile[]> {
  const found: MediaFile[] = [];
  for (const path of paths) {
    const at = await stat(path).catch(() => {
      throw new CliError(`${path}: no such file or folder`, 2);
    });
    if (!at.isDirectory()) found.push({ path, name: basename(path) });
    else found.push(...(await below(path)));
  }
  return found;
}

async function below(folder: string): Promise<MediaFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((at) => at.isFile() && isMedia(at.name)).map((at) => join(at.parentPath, at.name));
  return paths
    .map((path) => ({ path, name: relative(folder, path) }))
    .filter(({ name }) => !name.split('/').some((part) => part.startsWith('.')))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether all of these were written after the file was last changed. */
export async function areWritten(file: string, targets: readonly string[]): Promise<boolean> {
  const { mtimeMs } = await stat(file);
  const written = await Promise.all(
    targets.map((target) =>
      stat(target).then(
        (at) => at.mtimeMs,
        () => -1,
      ),
    ),
  );
  return written.every((ms) => ms >= mtimeMs);
}

/** Nobody sees half of it. */
export async function writeWhole(target: string, text: string): Promise<void> {
  const unfinished = `${target}.part`;
  await writeFile(unfinished, text);
  await rename(unfinished, target);
}
