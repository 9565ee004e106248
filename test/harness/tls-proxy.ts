/** A proxy with a certificate of its own before a plain port of loopback, as an installation has one in front. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import { generate } from 'selfsigned';

export interface TlsProxy {
  readonly port: number;
  /** PEM: what a client is to trust. */
  readonly certificate: string;
  close(): Promise<void>;
}

export async function tlsProxy(toPort: number): Promise<TlsProxy> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  });
  const open = new Set<Socket>();
  const server = createServer({ cert, key }, (client) => {
    const gateway = connect(toPort, '127.0.0.1');
    for (const socket of [client, gateway]) {
      open.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => open.delete(socket));
    }
    client.pipe(gateway).pipe(client);
    client.on('close', () => gateway.destroy());
    gateway.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    certificate: cert,
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
