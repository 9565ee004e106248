/** A DNS server on UDP (RFC 1035) that says of a name first one thing, then another. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';

const HEADER_BYTES = 12;
const TYPE_A = 1;
const NO_SUCH_NAME = 3;

/** The settings of a process that asks this server for every name below `.example` (names-of-a-test.ts). */
export interface NameSettings extends Record<string, string> {
  readonly NODE_OPTIONS: string;
  readonly TEST_NAME_SERVER: string;
}

export class NameServer {
  readonly #socket: Socket = createSocket('udp4');
  readonly #answers = new Map<string, string[]>();
  /** Names in the order in which they were asked for. */
  readonly asked: string[] = [];

  async listen(): Promise<this> {
    this.#socket.on('message', (query, { port, address }) => this.#socket.send(this.#answer(query), port, address));
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    return this;
  }

  get settings(): NameSettings {
    return {
      NODE_OPTIONS: `--import ${new URL('./names-of-a-test.ts', import.meta.url).href}`,
      TEST_NAME_SERVER: `127.0.0.1:${this.#socket.address().port}`,
    };
  }

  /** What a name leads to, from one question to the next; the last address stays. */
  name(host: string, ...addresses: string[]): void {
    this.#answers.set(host, addresses);
  }

  timesOf(host: string): number {
    return this.asked.filter((one) => one === host).length;
  }

  close(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(HEADER_BYTES, at + 5);
    const isForAddress = query.readUInt16BE(at + 1) === TYPE_A;
    const address = isForAddress ? this.#addressOf(labels.join('.')) : undefined;
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (address === undefined ? NO_SUCH_NAME : 0), 2);
    header.writeUInt16BE(1, 4);
    if (address === undefined) return Buffer.concat([header, question]);
    header.writeUInt16BE(1, 6);
    // The name is that of the question; class IN, to be kept for no time at all, four bytes.
    const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4]);
    return Buffer.concat([header, question, record, Buffer.from(address.split('.').map(Number))]);
  }

  #addressOf(name: string): string | undefined {
    this.asked.push(name);
    const addresses = this.#answers.get(name) ?? [];
    return addresses.length > 1 ? addresses.shift() : addresses[0];
  }
}
