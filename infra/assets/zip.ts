/**
 * Reads single members of a zip file (a wheel) by byte ranges. Format: PKWARE APPNOTE 6.3, sections 4.3.7, 4.3.12 and
 * 4.3.16; no zip64, no encryption.
 */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable, pipeline } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { counted, download } from './download.ts';

/** Bytes that can be read from anywhere; `end` is exclusive. */
export interface ByteSource {
  readonly bytes: number;
  stream(start: number, end: number): Promise<Readable>;
}

export async function fileBytes(path: string): Promise<ByteSource> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  await file.close();
  return { bytes: size, stream: (start, end) => Promise.resolve(createReadStream(path, { start, end: end - 1 })) };
}

/** A file on an HTTP server that serves ranges; null when it does not. */
export async function httpBytes(url: string): Promise<ByteSource | null> {
  const range = async (start: number, end: number) => download(url, { range: `bytes=${start}-${end - 1}` });
  const first = await range(0, 1);
  first.body.destroy();
  const total = /\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1];
  if (first.status !== 206 || total === undefined) return null;
  return {
    bytes: Number(total),
    async stream(start, end) {
      const answer = await range(start, end);
      if (answer.status !== 206) throw new Error('the server answered a range with the whole file');
      return answer.body;
    },
  };
}

async function read(source: ByteSource, start: number, end: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of await source.stream(start, end)) parts.push(part as Uint8Array);
  const whole = Buffer.concat(parts);
  if (whole.length !== end - start) throw new Error('the zip file is cut short');
  return whole;
}

export interface ZipMember {
  readonly method: number;
  readonly compressedBytes: number;
  readonly headerAt: number;
}

const END_SIGNATURE = Buffer.from('PK\x05\x06', 'latin1');
const MEMBER_SIGNATURE = 0x02014b50;
/** End record and the longest comment. */
const TAIL_BYTES = 22 + 65_535;

/** The members of a zip file by name. */
export async function zipMembers(source: ByteSource): Promise<Map<string, ZipMember>> {
  const tail = await read(source, Math.max(0, source.bytes - TAIL_BYTES), source.bytes);
  const end = tail.lastIndexOf(END_SIGNATURE);
  if (end < 0 || end + 22 > tail.length) throw new Error('not a zip file');
  const start = tail.readUInt32LE(end + 16);
  const directory = await read(source, start, start + tail.readUInt32LE(end + 12));
  const members = new Map<string, ZipMember>();
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === MEMBER_SIGNATURE;) {
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    members.set(directory.toString('utf8', at + 46, nameEnd), {
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      headerAt: directory.readUInt32LE(at + 42),
    });
    at = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return members;
}

/** The content of a member; `onBytes` hears of compressed bytes as they come. */
export async function zipContent(
  source: ByteSource,
  member: ZipMember,
  onBytes: (bytes: number) => void,
): Promise<Readable> {
  const header = await read(source, member.headerAt, member.headerAt + 30);
  const start = member.headerAt + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  const raw = counted(await source.stream(start, start + member.compressedBytes), onBytes);
  if (member.method === 0) return raw;
  if (member.method !== 8) throw new Error(`zip compression method ${member.method} is not supported`);
  // The reader of the inflated stream hears of every error; pipeline hands it on.
  return pipeline(raw, createInflateRaw(), () => undefined);
}
