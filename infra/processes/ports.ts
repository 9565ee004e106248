import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/**
 * The port, found free just now; 0 answers one that the system picked.
 * @throws the system's error (EADDRINUSE, EACCES, …) when the port cannot be had
 */
export async function freePort(port: number, host = '127.0.0.1'): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const server = createServer().once('error', reject);
  server.listen({ port, host, exclusive: true }, () => resolve(undefined));
  await promise;
  const found = (server.address() as AddressInfo).port;
  await new Promise((closed) => server.close(closed));
  return found;
}
