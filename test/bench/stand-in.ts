/** The relay's engine: answers each chunk at once with a partial of about 100 bytes, as the scripted engine does. */
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const TEXT = 'this partial stands for a hypothesis of usual length and says what was heard up to byte ';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => {
  let bytes = 0;
  const say = (message: object): void => socket.send(JSON.stringify(message));
  socket.on('error', () => socket.terminate());
  // The client waits for this before it speaks: the relay's way to the engine stands now.
  say({ type: 'session', id: 'relay', durableBytes: 0, nextIndex: 0, model: 'en', language: 'en' });
  socket.on('message', (data, isBinary) => {
    if (!isBinary || !(data instanceof Buffer)) {
      say({ type: 'done', segments: 0, audioMs: 0, state: 'completed' });
      return;
    }
    bytes += data.length;
    say({ type: 'partial', text: `${TEXT}${bytes}`, startMs: 0, endMs: bytes / 32, channel: 0 });
  });
});
process.on('disconnect', () => process.exit(0));
server.on('listening', () => process.send?.(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`));
