/** The reference: client socket to engine socket on bare `ws`, no logic. A process of its own. */
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';

const { engine } = JSON.parse(process.argv[2] ?? '{}') as { engine: string };
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (client) => {
  const worker = new WebSocket(engine, { perMessageDeflate: false });
  client.on('error', () => worker.terminate());
  worker.on('error', () => client.terminate());
  client.on('message', (data, binary) => worker.send(data, { binary }));
  worker.on('message', (data, binary) => client.send(data, { binary }));
  client.on('close', () => worker.close(1000));
  worker.on('close', () => client.close(1000));
});
process.on('disconnect', () => process.exit(0));
server.on('listening', () => process.send?.(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`));
