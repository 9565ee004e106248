/**
 * The process that runs ffmpeg's WebAssembly build (`@ffmpeg/core`, made for browsers): arguments are ffmpeg's own, the
 * file to decode is standard input, samples go to standard output, the log to standard error. A process of its own
 * because a decoder blocks while it works, and must be able to crash or be killed alone.
 */
import { fstatSync, readFileSync, readSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { WASM_INPUT, WASM_OUTPUT } from './command.ts';

/** What is used of Emscripten's file system (its JavaScript API, `FS`); a stream's place is kept by it. */
interface Stream {
  readonly node: Node;
  position: number;
}
interface StreamOps {
  read?(stream: Stream, buffer: Int8Array, offset: number, length: number, position: number): number;
  write?(stream: Stream, buffer: Int8Array, offset: number, length: number, position: number): number;
  llseek?(stream: Stream, offset: number, whence: number): number;
}
interface Node {
  stream_ops: StreamOps;
  node_ops: Record<string, unknown>;
}
interface Core {
  readonly FS: { createFile(parent: string, name: string, props: object, read: boolean, write: boolean): Node };
  exec(...args: string[]): number;
  setLogger(logger: (line: { message: string }) => void): void;
}
type CreateCore = (module: { wasmBinary: Uint8Array }) => Promise<Core>;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

// The build asks where it is, as a worker of a browser is told.
Object.assign(globalThis, { self: { location: { href: import.meta.url } } });
// Named by a variable: the package has no types.
const CORE: string = '@ffmpeg/core';
const { default: createCore } = (await import(CORE)) as { default: CreateCore };
const core = await createCore({ wasmBinary: readFileSync(fileURLToPath(import.meta.resolve('@ffmpeg/core/wasm'))) });

core.setLogger(({ message }) => writeFully(STDERR, Buffer.from(`${message}\n`)));
mountInput();
mountOutput();
process.exitCode = core.exec(...process.argv.slice(2));

/** The file is read where it lies, a piece at a time: nothing of it is copied into memory first. */
function mountInput(): void {
  const node = core.FS.createFile('/', WASM_INPUT.slice(1), {}, true, false);
  Object.defineProperty(node, 'usedBytes', { value: fstatSync(STDIN).size });
  node.stream_ops = {
    ...node.stream_ops,
    read: (_, buffer, offset, length, position) => readSync(STDIN, buffer, offset, length, position),
  };
}

/** Samples leave as they come; a reader that is behind makes the decoder wait. What would be written anew has left. */
function mountOutput(): void {
  let written = 0;
  const node = core.FS.createFile('/', WASM_OUTPUT.slice(1), {}, true, true);
  node.node_ops = { ...node.node_ops, setattr: () => undefined };
  node.stream_ops = {
    ...node.stream_ops,
    write: (_, buffer, offset, length, position) => {
      if (position < written) return length;
      written += length;
      writeFully(STDOUT, buffer.subarray(offset, offset + length));
      return length;
    },
  };
}

function writeFully(fd: number, bytes: Uint8Array | Int8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(fd, bytes, at);
}
