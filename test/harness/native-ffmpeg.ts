import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { programOfWheel } from './wheel.ts';

/** A native ffmpeg: the one on PATH, else one that a Python package carries; null, said by name, where there is none. */
export async function nativeFfmpeg(suite: string): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter).filter((entry) => entry !== '')) {
    const program = join(folder, 'ffmpeg');
    const runs = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return program;
  }
  return programOfWheel('imageio-ffmpeg==0.8.1', /binaries\/ffmpeg-[^/]*$/, suite);
}
