import type { Client } from '@temporalio/client';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { openClient } from '../../infra/temporal.ts';

let server: Server;
let attempts: number;
let client: Client;
beforeEach(async () => {
  attempts = 0;
  server = createServer((socket) => {
    attempts += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = openClient(`127.0.0.1:${(server.address() as AddressInfo).port}`, 'default');
});
afterEach(async () => {
  await client.connection.close();
  server.close();
  await once(server, 'close');
});

test('a Temporal that is away is looked for at least once a second, however long it is away', async () => {
  const asked = client.withDeadline(Date.now() + 6000, () => client.workflow.getHandle('one').describe());
  await expect(asked).rejects.toThrow();
  // By gRPC's own pauses it would be five times at most.
  expect(attempts).toBeGreaterThanOrEqual(7);
}, 30_000);

test('a call that waits to be tried again when its connection is closed is answered with why it waits', async () => {
  const answered = expect(client.workflow.getHandle('one').describe()).rejects.toMatchObject({ cause: { code: 14 } });
  await once(server, 'connection');
  await client.connection.close();
  await answered;
}, 10_000);
