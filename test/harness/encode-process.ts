/** Arguments: folder, input file, JSON of the encodings (encode.ts). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Encoding } from './encode.ts';

interface Core {
  readonly FS: { writeFile(path: string, bytes: Uint8Array): void; readFile(path: string): Uint8Array };
  exec(...args: string[]): number;
  reset(): void;
  setLogger(logger: (line: { message: string }) => void): void;
}

Object.assign(globalThis, { self: { location: { href: import.meta.url } } });
const CORE: string = '@ffmpeg/core';
const module = (await import(CORE)) as { default: (options: { wasmBinary: Uint8Array }) => Promise<Core> };
const core = await module.default({
  wasmBinary: readFileSync(fileURLToPath(import.meta.resolve('@ffmpeg/core/wasm'))),
});
const [, , folder = '', input = '', encodings = '[]'] = process.argv;

const log: string[] = [];
core.setLogger(({ message }) => log.push(message));
core.FS.writeFile(`/${input}`, readFileSync(join(folder, input)));
for (const { name, options } of JSON.parse(encodings) as Encoding[]) {
  if (core.exec('-i', `/${input}`, ...options, `/${name}`) !== 0)
    throw new Error(`${name}: ${log.slice(-5).join('\n')}`);
  writeFileSync(join(folder, name), core.FS.readFile(`/${name}`));
  core.reset();
}
