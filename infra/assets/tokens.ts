import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The token at `at`: its length is a little-endian base-128 number, its bytes follow. */
function readToken(bin: Buffer, at: number): { token: Buffer; next: number } {
  let [length, shift, next] = [0, 0, at];
  for (;;) {
    const byte = bin[next++];
    if (byte === undefined || shift > 21) throw new Error('tokenizer.bin is cut short');
    length += (byte & 0x7f) << shift;
    shift += 7;
    if (byte < 0x80) break;
  }
  if (next + length > bin.length) throw new Error('tokenizer.bin is cut short');
  return { token: bin.subarray(next, next + length), next: next + length };
}

/**
 * Moonshine's `tokenizer.bin` as sherpa-onnx's `tokens.txt`: for each token a line `base64 id`.
 * @throws when the file ends inside a token
 */
export function tokensTxt(bin: Buffer): string {
  const lines: string[] = [];
  for (let at = 0; at < bin.length;) {
    const { token, next } = readToken(bin, at);
    lines.push(`${token.toString('base64')} ${lines.length}\n`);
    at = next;
  }
  return lines.join('');
}

export const makeTokens = async (folder: string): Promise<Uint8Array> =>
  Buffer.from(tokensTxt(await readFile(join(folder, 'tokenizer.bin'))));
