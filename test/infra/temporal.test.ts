import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { openClient } from '../../infra/temporal.ts';

test('a Temporal that is away is looked for at least once a second, however long it is away', async () => {
  let attempts = 0;
  const server = createServer((socket) => {
    attempts += 1;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = openClient(`127.0.0.1:${(server.address() as AddressInfo).port}`, 'default');
  const asked = client.withDeadline(Date.now() + 6000, () => client.workflow.getHandle('one').describe());
  await expect(asked).rejects.toThrow();
  // By gRPC's own pauses it would be five times at most.
  expect(attempts).toBeGreaterThanOrEqual(7);
  await client.connection.close();
  server.close();
  await once(server, 'close');
}, 30_000);
