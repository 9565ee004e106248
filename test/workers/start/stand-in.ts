/**
 * Stands in for orchestrator, gateway and ASR worker: ready over IPC, settings on request, ends on SIGTERM and when its
 * supervisor is gone. Which one it is, is in the name of the file that imports it. Its life is written to `journal`.
 */
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { WebSocketServer } from 'ws';

const settings = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('LONGHAND_')));
const folder = settings['LONGHAND_DATA_DIR'] ?? '.';
const role = basename(process.argv[1] ?? '').replace('-main.ts', '');
const note = (event: string): void =>
  appendFileSync(join(folder, 'journal'), `${JSON.stringify({ role, event, pid: process.pid, settings })}\n`);

function end(why: string): void {
  note(why);
  process.exit(0);
}

/** One final when the client has said `end`. */
async function serve(port: number): Promise<void> {
  const server = new WebSocketServer({ port, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    const say = (message: Record<string, unknown>): void => socket.send(JSON.stringify(message));
    let bytes = 0;
    say({ type: 'session', id: 's', durableBytes: 0, nextIndex: 0 });
    say({ type: 'partial', text: 'and so my', startMs: 0, endMs: 500 });
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) bytes += data.length;
      else {
        say({ type: 'final', index: 0, startMs: 0, text: settings['LONGHAND_S3_BUCKET'] ?? '', words: [] });
        say({ type: 'done', segments: 1, audioMs: bytes / 32, state: 'completed' });
        socket.close(1000);
      }
    });
  });
}

const port = Number(settings['LONGHAND_HTTP_PORT']);
if (role === 'gateway') await serve(port);
process.on('SIGTERM', () => end('drained'));
process.on('disconnect', () => end('orphaned'));
note('ready');
process.send?.({ type: 'ready', port });
setInterval(() => undefined, 60_000);
